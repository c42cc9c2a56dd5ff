"""Alerts in a channel of Slack, by its own package."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Unpack

from runbell.alerts.alerting import Alerting, alert_sensor
from runbell.alerts.cutting import cut
from runbell.alerts.refusals import NotifyError, later
from runbell.alerts.summary import Summary
from runbell.core.errors import SettingsError
from runbell.core.rehearsal import kept_back
from runbell.core.sensors import Sensor

BASE_URL = "https://slack.com/api/"
# What Slack takes: of a message's own text, of a section's, of a button's address; and how many blocks.
MOST_TEXT, MOST_SECTION, MOST_URL, MOST_BLOCKS = 4000, 3000, 3000, 50
TIMEOUT_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Slack:
    """A channel of Slack."""

    channel: Any
    token: Any = field(repr=False)
    text_fn: Callable[[Any], str] | None
    blocks_fn: Callable[[Any], Sequence[Any]] | None
    base_url: str

    @property
    def wanted(self) -> Mapping[str, Any]:
        return {"channel": self.channel, "slack_token": self.token}

    def send(self, context: Any, summary: Summary, texts: Mapping[str, str]) -> None:
        """See `Channel.send`."""
        text = self.text_fn(context) if self.text_fn else f"*{escaped(summary.title)}*\n{_marked(summary)}"
        blocks = list(self.blocks_fn(context)) if self.blocks_fn else _blocks(text, summary, own=self.text_fn is None)
        if summary.url:
            blocks = [*blocks[: MOST_BLOCKS - 1], _button(summary.url)]
        if not kept_back("Slack", text):
            self._post(texts["channel"], texts["slack_token"], cut(text, MOST_TEXT), blocks[:MOST_BLOCKS])

    def _post(self, channel: str, token: str, text: str, blocks: Sequence[Any]) -> None:
        from http.client import HTTPException

        try:
            from slack_sdk import WebClient
            from slack_sdk.errors import SlackApiError, SlackClientError
        except ImportError:
            raise SettingsError("slack_sdk is not installed: pip install 'runbell[notify]'") from None
        # Its own lines may show the token; what went wrong is said by whoever calls.
        silent = logging.getLogger("runbell.alerts.slack_sdk")
        silent.disabled = True
        client = WebClient(token, base_url=self.base_url, timeout=TIMEOUT_SECONDS, logger=silent)
        try:
            client.chat_postMessage(channel=channel, text=text, blocks=[_fitting(block) for block in blocks])
        except SlackApiError as error:
            said = f"Slack does not take it: {_reason(error.response)}"
            if "Retry-After" in error.response.headers:
                raise later(error.response.headers["Retry-After"], said) from None
            raise NotifyError(said) from None
        except (SlackClientError, HTTPException, OSError, ValueError) as error:
            raise NotifyError(f"Slack cannot be reached: {getattr(error, 'reason', None) or error}") from None


def make_slack_on_run_failure_sensor(
    channel: Any,
    slack_token: Any,
    text_fn: Callable[[Any], str] | None = None,
    blocks_fn: Callable[[Any], Sequence[Any]] | None = None,
    *,
    base_url: str = BASE_URL,
    **alerting: Unpack[Alerting],
) -> Sensor:
    """A sensor that tells a channel of Slack of each failed run.

    Args:
        channel: such as `"#alerts"`, or its id.
        slack_token: of a bot that may write there; best an EnvVar or a SecretFile.
        text_fn: gives the text, in Slack's markdown, for a context; else job, partition, step, error and duration.
        blocks_fn: gives Slack's blocks; the text is then what notifications show.
        base_url: of Slack's API.
        alerting: see `Alerting`.

    Raises:
        DefinitionError: a mistake in the arguments.

    Example:
        >>> from runbell.alerts import EnvVar
        >>> make_slack_on_run_failure_sensor("#alerts", EnvVar("SLACK_TOKEN"), monitored_jobs=["etl_*"]).name
        'slack_on_run_failure'
    """
    told = Slack(channel, slack_token, text_fn, blocks_fn, base_url)
    return alert_sensor("slack_on_run_failure", "Tells Slack of failed runs.", told, alerting)


def escaped(text: str) -> str:
    """Text that means itself in Slack's markdown.

    Example:
        >>> escaped("a < b")
        'a &lt; b'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _marked(summary: Summary) -> str:
    return "\n".join(
        f"*{label}:* {escaped(value)}" if label != "Error" else f"```{escaped(value)}```"
        for label, value in summary.facts
    )


def _blocks(text: str, summary: Summary, *, own: bool) -> list[dict[str, Any]]:
    said = [text] if own else [f"*{escaped(summary.title)}*", text]
    return [{"type": "section", "text": {"type": "mrkdwn", "text": part}} for part in said]


def _button(url: str) -> dict[str, Any]:
    button = {"type": "button", "text": {"type": "plain_text", "text": "View the run"}, "url": url[:MOST_URL]}
    return {"type": "actions", "elements": [button]}


def _fitting(block: Any) -> Any:
    """The block, its text as long as Slack takes it."""
    text = block.get("text") if isinstance(block, Mapping) else None
    if not isinstance(text, Mapping) or len(str(text.get("text"))) <= MOST_SECTION:
        return block
    return {**block, "text": {**text, "text": cut(str(text["text"]), MOST_SECTION)}}


def _reason(response: Any) -> str:
    """Slack's own word, such as `channel_not_found`, and what it adds to it."""
    data = response.data if isinstance(response.data, Mapping) else {}
    more = data.get("response_metadata", {}).get("messages") or data.get("needed") or ""
    return f"{data.get('error') or f'it answered {response.status_code}'} {more}".strip()
