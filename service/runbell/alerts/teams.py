"""Alerts in a channel of Microsoft Teams, by the address of a workflow or of an incoming webhook."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Unpack

from runbell.alerts.alerting import Alerting, alert_sensor
from runbell.alerts.cutting import cut
from runbell.alerts.posting import Way, post
from runbell.alerts.refusals import NotifyError, later
from runbell.alerts.summary import Summary
from runbell.core.rehearsal import kept_back
from runbell.core.sensors import Sensor

# A message may have 28 KB; a character has up to four bytes, or six where JSON must escape it.
MOST_TEXT = 4000
# What a webhook of the older kind says with a 200 in front of it.
REFUSED = "Webhook message delivery failed"


@dataclass(frozen=True, slots=True)
class Teams:
    """A channel of Microsoft Teams."""

    hook_url: Any = field(repr=False)
    message_fn: Callable[[Any], str] | None
    way: Way

    @property
    def wanted(self) -> Mapping[str, Any]:
        return {"hook_url": self.hook_url}

    def send(self, context: Any, summary: Summary, texts: Mapping[str, str]) -> None:
        """See `Channel.send`."""
        text = summary.text if self.message_fn is None else self.message_fn(context)
        if kept_back("Teams", text, summary.title):
            return
        body = _facts(summary) if self.message_fn is None else [_block(text)]
        said = post(texts["hook_url"], _message(body, summary.url), self.way)
        if REFUSED in said and "429" in said:
            raise later(None, f"Teams does not take it: {said[:200]}")
        if REFUSED in said:
            raise NotifyError(f"Teams does not take it: {said[:500]}")


def make_teams_on_run_failure_sensor(
    hook_url: Any,
    message_fn: Callable[[Any], str] | None = None,
    http_proxy: str | None = None,
    https_proxy: str | None = None,
    timeout: float | None = None,
    verify: bool | None = None,  # noqa: FBT001 - Dagster's own order of arguments
    **alerting: Unpack[Alerting],
) -> Sensor:
    """A sensor that tells a channel of Microsoft Teams of each failed run.

    Args:
        hook_url: the address that the workflow or webhook was given; it is a secret: best an EnvVar or a SecretFile.
        message_fn: gives the text for a context; else job, partition, step, error and duration.
        http_proxy, https_proxy: proxies; else those of the environment.
        timeout: seconds; else 30.
        verify: is the server's certificate checked? Else yes.
        alerting: see `Alerting`.

    Raises:
        DefinitionError: a mistake in the arguments.

    Example:
        >>> from runbell.alerts import EnvVar
        >>> make_teams_on_run_failure_sensor(EnvVar("TEAMS_WEBHOOK_URL")).name
        'teams_on_run_failure'
    """
    proxies = {scheme: url for scheme, url in (("http", http_proxy), ("https", https_proxy)) if url}
    way = Way(timeout=timeout or Way().timeout, proxies=proxies or None, verify=verify is not False)
    told = Teams(hook_url, message_fn, way)
    return alert_sensor("teams_on_run_failure", "Tells Microsoft Teams of failed runs.", told, alerting)


def _facts(summary: Summary) -> list[dict[str, Any]]:
    short = [{"title": label, "value": value} for label, value in summary.facts if label != "Error"]
    errors = [{**_block(value), "fontType": "Monospace"} for label, value in summary.facts if label == "Error"]
    title = {**_block(summary.title), "weight": "Bolder", "size": "Medium"}
    return [title, *errors, {"type": "FactSet", "facts": short}]


def _block(text: str) -> dict[str, Any]:
    return {"type": "TextBlock", "text": cut(text, MOST_TEXT), "wrap": True}


def _message(body: list[dict[str, Any]], url: str | None) -> dict[str, Any]:
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    if url:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "View the run", "url": url}]
    return {
        "type": "message",
        "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
    }
