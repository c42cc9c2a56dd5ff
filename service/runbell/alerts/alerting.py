"""What an alert sensor does with a failure: whether to tell it at all, and how what goes wrong is said."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from runbell.alerts.refusals import NotifyError
from runbell.alerts.secret import hidden, reveal
from runbell.alerts.summary import Summary, summarize
from runbell.core.arguments import Arguments
from runbell.core.declaring import Declared, run_failure_sensor
from runbell.core.errors import SettingsError
from runbell.core.requests import SkipReason
from runbell.core.retrying import Retry
from runbell.core.sensors import Sensor

ON = frozenset({"true", "yes", "on", "1"})
OFF = frozenset({"false", "no", "off", "0", ""})


class Alerting(Declared, total=False):
    """What every alert sensor takes by name, beside what any sensor does.

    Attributes:
        webserver_base_url: of the orchestrator's UI, for links to the run; `dagit_base_url` is its old name.
        job_selection, monitor_all_repositories: old names of `monitored_jobs` and `monitor_all_code_locations`.
        enabled: are alerts sent here? True, False, or an EnvVar that is set to one of true, yes, on, 1 where they are.
    """

    webserver_base_url: str | None
    dagit_base_url: str | None
    job_selection: Any
    monitor_all_repositories: bool | None
    enabled: Any


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

    def __call__(self, context: Any) -> SkipReason | None:
        if not is_on(self.enabled):
            return SkipReason(f"alerts are switched off here: enabled={self.enabled!r}")
        texts = {argument: reveal(argument, given) for argument, given in self.channel.wanted.items()}
        summary = summarize(context, webserver_base_url=self.webserver_base_url)
        with without_secrets(texts):
            self.channel.send(context, summary, texts)
        return None

    def unmet(self) -> list[str]:
        """What keeps it from sending here, one sentence each: the operator's to mend."""
        if not is_on(self.enabled):
            return []
        unmet = []
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
    for old, name in (("job_selection", "monitored_jobs"), ("monitor_all_repositories", "monitor_all_code_locations")):
        if old in declared:
            declared.setdefault(name, declared[old])
    base_url = arguments.text("webserver_base_url") or arguments.text("dagit_base_url")
    enabled = given.get("enabled", True)
    if not is_switch(enabled):
        remedy = "is neither True nor False: give one of them, such as os.getenv('ENV') == 'prod', or EnvVar('NAME')"
        raise Arguments(arguments.sensor, {**declared, "enabled": enabled}).wrong("enabled", remedy)
    known = Declared.__annotations__.keys() | (declared.keys() - Alerting.__annotations__.keys())
    own: dict[str, Any] = {name: value for name, value in declared.items() if name in known}
    return run_failure_sensor(**own)(Alert(channel, enabled, base_url))


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
        raise Retry(asked.after, hidden(str(asked.reason), *texts.values())) from None
