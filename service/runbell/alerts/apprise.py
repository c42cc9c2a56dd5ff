"""Alerts anywhere else, by Apprise: one URL names the service, the account and the place."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Unpack

from runbell.alerts.alerting import Alerting, alert_sensor
from runbell.alerts.deliveries import Deliveries
from runbell.alerts.notifier import Notifier, notifiers_of
from runbell.alerts.refusals import NotifyError
from runbell.alerts.secret import reveal
from runbell.alerts.summary import Summary, summarize
from runbell.core.errors import SettingsError
from runbell.core.muting import alert_memory
from runbell.core.rehearsal import kept_back, rehearsing
from runbell.core.sensors import Sensor


@dataclass(frozen=True, slots=True)
class Anywhere:
    """Whatever Apprise reaches."""

    urls: Any = field(repr=False)
    body_fn: Callable[[Any], str] | None
    title_fn: Callable[[Any], str] | None

    @property
    def wanted(self) -> Mapping[str, Any]:
        return {"urls": self.urls}

    def send(self, context: Any, summary: Summary, texts: Mapping[str, str]) -> None:
        """See `Channel.send`."""
        title = self.title_fn(context) if self.title_fn else summary.title
        body = self.body_fn(context) if self.body_fn else summary.text
        message = message_of(context, "alert")
        _send(message, texts["urls"], title, body if summary.url is None else f"{body}\n{summary.url}")


def notify(
    context: Any, urls: Any, *, title: str | None = None, body: str | None = None, webserver_base_url: str | None = None
) -> None:
    """Tells somebody of a run, from within a sensor of any status; returns when everybody took it.

    Called again with the same words after somebody did not, it tells only those, as far as this process remembers.

    Args:
        context: what the sensor's function was given. In an `async def` call this in a thread, with title and body.
        urls: URLs of Apprise, with spaces between them: a text, or best an EnvVar or a SecretFile.
        title, body: what to say; else job, partition, step, error and duration.
        webserver_base_url: of the orchestrator's UI, for a link to the run.

    Raises:
        NotifyError: somebody did not take it. Let it pass, and the sensor is called again as its retries say.
        SettingsError: a URL is missing or cannot be understood, or Apprise is not installed.

    Example:
        >>> import runbell
        >>> @runbell.run_status_sensor("CANCELED")
        ... def tell(context):
        ...     runbell.notify(context, runbell.alerts.EnvVar("ALERT_URLS"))
    """
    message = message_of(context, "notify", title, body)
    given = "***" if rehearsing() is not None else reveal("urls", urls)
    if title is None or body is None:
        summary = summarize(context, webserver_base_url=webserver_base_url)
        title = summary.title if title is None else title
        if body is None:
            body = summary.text if summary.url is None else f"{summary.text}\n{summary.url}"
    _send(message, given, title, body)


class Notifying(Alerting, total=False):
    """What a sensor that notifies takes by name.

    Attributes:
        title_fn: gives the title for a context.
        body_fn: gives the text for a context; else job, partition, step, error and duration.
    """

    title_fn: Callable[[Any], str] | None
    body_fn: Callable[[Any], str] | None


def make_notify_on_run_failure_sensor(urls: Any, **notifying: Unpack[Notifying]) -> Sensor:
    """A sensor that tells of each failed run whomever Apprise reaches.

    Args:
        urls: URLs of Apprise, with spaces between them; they are secrets: best an EnvVar or a SecretFile.
        notifying: see `Notifying` and `Alerting`.

    Raises:
        DefinitionError: a mistake in the arguments.

    Example:
        >>> from runbell.alerts import EnvVar
        >>> make_notify_on_run_failure_sensor(EnvVar("ALERT_URLS"), name="tell_ops").name
        'tell_ops'
    """
    told = Anywhere(urls, notifying.pop("body_fn", None), notifying.pop("title_fn", None))
    return alert_sensor("notify_on_run_failure", "Tells of failed runs.", told, notifying)


def message_of(context: Any, *words: str | None) -> str:
    """What is the same each time that an evaluation says the same; empty where nothing tells its calls from others.

    Example:
        >>> message_of(object(), "alert")
        ''
    """
    evaluation = getattr(context, "idempotency_key", None)
    return "" if evaluation is None else sha256(repr((evaluation, *words)).encode()).hexdigest()


def _send(message: str, urls: str, title: str, body: str) -> None:
    """To all that have not taken it before, also when one of them takes nothing."""
    if kept_back("Apprise", body, title):
        return
    memory = alert_memory()
    deliveries = Deliveries() if memory is None or not message else memory.deliveries
    before = deliveries.of(message)
    refusals = []
    for notifier in _notifiers(urls):
        if notifier.digest in before:
            continue
        try:
            notifier.send(title, body)
            deliveries.add(message, notifier.digest)
        except NotifyError as error:
            refusals.append(f"{notifier.shown} does not take it: {error}")
    if refusals:
        raise NotifyError("; ".join(refusals))
    deliveries.forget(message)


def _notifiers(urls: str) -> list[Notifier]:
    try:
        return list(notifiers_of(urls))
    except ModuleNotFoundError:
        raise SettingsError("apprise is not installed: pip install 'runbell[notify]'") from None
    except ValueError as error:
        raise SettingsError(f"urls: {error}") from None
