"""What an alert sensor does with a failure: whether to tell it at all, and how what goes wrong is said."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Protocol

from runbell.alerts.refusals import Later, NotifyError
from runbell.alerts.secret import hidden, reveal
from runbell.alerts.summary import Summary, summarize
from runbell.core.arguments import Arguments
from runbell.core.declaring import Declared, run_failure_sensor
from runbell.core.durations import spoken
from runbell.core.errors import SettingsError
from runbell.core.muting import Claim, alert_memory
from runbell.core.rehearsal import rehearsing
from runbell.core.requests import SkipReason
from runbell.core.retrying import Retry, is_wait
from runbell.core.sensors import Sensor
from runbell.core.text import why_unstorable

ON = frozenset({"true", "yes", "on", "1"})
OFF = frozenset({"false", "no", "off", "0", ""})


class Alerting(Declared, total=False):
    """What every alert sensor takes by name, beside what any sensor does.

    Attributes:
        webserver_base_url: of the orchestrator's UI, for links to the run; `dagit_base_url` is its old name.
        enabled: are alerts sent here? True, False, or an EnvVar that is set to one of true, yes, on, 1 where they are.
        dedupe: after an alert none like it is sent for so many seconds, or so long a timedelta, by any process.
        dedupe_key: gives for a context the text that makes two alerts one; else they are if their job is.
    """

    webserver_base_url: str | None
    dagit_base_url: str | None
    enabled: Any
    dedupe: float | timedelta | None
    dedupe_key: Callable[[Any], str] | None


class Channel(Protocol):
    """Where alerts go."""

    @property
    def wanted(self) -> Mapping[str, Any]:
        """The arguments that must come to a text when an alert is sent, by their names; secrets among them."""

    def send(self, context: Any, summary: Summary, texts: Mapping[str, str]) -> None:
        """Sends one alert; returns when it was taken.

        Args:
            context: the failure sensor's.
            summary: what to say by default.
            texts: what is `wanted`, revealed.

        Raises:
            NotifyError, Retry: it was not taken.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Alert:
    """The function of an alert sensor."""

    channel: Channel
    enabled: Any = True
    webserver_base_url: str | None = None
    dedupe_seconds: float | None = None
    dedupe_key: Callable[[Any], str] | None = None

    def __call__(self, context: Any) -> SkipReason | None:
        if not is_on(self.enabled):
            return SkipReason(f"alerts are switched off here: enabled={self.enabled!r}")
        memory = alert_memory()
        if self.dedupe_seconds is None or memory is None:
            self._send(context, muted=0)
            return None
        key = alert_key(self.dedupe_key(context) if self.dedupe_key else job_of(context))
        asked = (context.sensor_name, key, context.idempotency_key, self.dedupe_seconds)
        claim = memory.claim(*asked)
        if claim.state == "busy":
            raise Later(max(claim.seconds, 1.0), f"another evaluation is sending an alert for {key}")
        if claim.state != "granted":
            return SkipReason(muted_because(key, claim))
        sent = False
        try:
            self._send(context, muted=claim.muted)
            sent = True
        finally:
            # Only what was sent mutes others: a mark that is set before would turn an outage into silence.
            memory.settle(*asked, sent=sent)
        return None

    def _send(self, context: Any, *, muted: int) -> None:
        wanted = self.channel.wanted
        # A rehearsal sends nothing, and runs where the secrets are not.
        rehearsal = rehearsing() is not None
        texts = {name: "***" if rehearsal else reveal(name, given) for name, given in wanted.items()}
        summary = summarize(context, webserver_base_url=self.webserver_base_url, muted=muted)
        with without_secrets(texts):
            self.channel.send(context, summary, texts)

    def unmet(self) -> list[str]:
        """What keeps it from sending here, one sentence each: the operator's to mend."""
        unmet = []
        try:
            if not is_on(self.enabled):
                return []
        except SettingsError as error:
            unmet.append(str(error))
        for argument, given in self.channel.wanted.items():
            try:
                reveal(argument, given)
            except SettingsError as error:
                unmet.append(str(error))
        return unmet


def alert_sensor(default_name: str, description: str, channel: Channel, given: Mapping[str, Any]) -> Sensor:
    """A sensor that tells a channel of failures.

    Args:
        default_name: of the sensor, where none is given.
        description: likewise.
        channel: where alerts go.
        given: see `Alerting`.

    Raises:
        DefinitionError: a mistake in the arguments.
    """
    declared = {name: value for name, value in given.items() if value is not None}
    arguments = Arguments(declared.setdefault("name", default_name), declared)
    declared.setdefault("description", description)
    base_url = arguments.text("webserver_base_url") or arguments.text("dagit_base_url")
    enabled = given.get("enabled", True)
    if not is_switch(enabled):
        remedy = "is neither True nor False: give one of them, such as os.getenv('ENV') == 'prod', or EnvVar('NAME')"
        raise Arguments(arguments.sensor, {**declared, "enabled": enabled}).wrong("enabled", remedy)
    known = Declared.__annotations__.keys() | (declared.keys() - Alerting.__annotations__.keys())
    own: dict[str, Any] = {name: value for name, value in declared.items() if name in known}
    if not callable(declared.get("dedupe_key", str)):
        raise arguments.wrong("dedupe_key", "is no function: give one that takes the context and gives a text")
    alert = Alert(channel, enabled, base_url, window_of(arguments), declared.get("dedupe_key"))
    return run_failure_sensor(**own)(alert)


def window_of(arguments: Arguments) -> float | None:
    """The seconds for which an alert mutes others like it; None: it mutes none.

    Raises:
        DefinitionError: it is no length of time.
    """
    given = arguments.given.get("dedupe")
    seconds = given.total_seconds() if isinstance(given, timedelta) else given
    if seconds is None:
        return None
    if not (is_wait(seconds) and seconds > 0):
        raise arguments.wrong("dedupe", "is no length of time: give seconds or a timedelta, up to a year")
    return float(seconds)


def job_of(context: Any) -> str:
    """A run's job, with its code location where one is known."""
    run = context.dagster_run
    location = getattr(run, "code_location", None)
    return f"{location}:{run.job_name}" if location else str(run.job_name)


def alert_key(given: object) -> str:
    """A text that makes two alerts one, as the database can keep it.

    Example:
        >>> alert_key("load"), len(alert_key("load" * 1000))
        ('load', 64)
    """
    text = str(given)
    return text if why_unstorable(text) is None else sha256(text.encode(errors="backslashreplace")).hexdigest()


def muted_because(key: str, claim: Claim) -> str:
    """Why an alert was not sent.

    Example:
        >>> muted_because("load", Claim("muted", 3, 75.0))
        'muted: an alert for load was sent 1 min 15 s ago; 3 were not sent since'
    """
    if claim.state == "sent":
        return f"this alert for {key} was sent by an earlier call, {spoken(claim.seconds)} ago"
    were = "1 was" if claim.muted == 1 else f"{claim.muted} were"
    return f"muted: an alert for {key} was sent {spoken(claim.seconds)} ago; {were} not sent since"


def is_switch(given: object) -> bool:
    """Can it say whether alerts are sent?

    Example:
        >>> is_switch("on"), is_switch(None)
        (True, False)
    """
    if isinstance(given, str) and not hasattr(given, "get_value"):
        return given.strip().lower() in ON | OFF
    return isinstance(given, bool) or hasattr(given, "get_value")


def is_on(given: Any) -> bool:
    """Are alerts sent? An environment variable that is not set says no.

    Raises:
        SettingsError: the variable says something else.

    Example:
        >>> is_on(True), is_on("off")
        (True, False)
    """
    if isinstance(given, bool):
        return given
    value = given.get_value() if hasattr(given, "get_value") else given
    said = str("" if value is None else value).strip().lower()
    if said not in ON | OFF:
        raise SettingsError(f"enabled: {given!r} is set to {said!r}: set it to true or false")
    return said in ON


@contextmanager
def without_secrets(texts: Mapping[str, str]) -> Iterator[None]:
    """What is raised in the body to say why a channel took nothing shows none of these texts."""
    try:
        yield
    except NotifyError as error:
        raise NotifyError(hidden(str(error), *texts.values())) from None
    except Retry as asked:
        kind = Later if asked.at_least else Retry
        raise kind(asked.after, hidden(str(asked.reason), *texts.values())) from None
