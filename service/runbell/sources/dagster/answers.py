"""What contexts answer about runs of Dagster's, where Dagster is installed: with its own objects.

For `def` sensors alone: Dagster's calls wait for a database, which on the event loop would hold up everybody.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from runbell.core.contexts import Answers
from runbell.core.errors import NotHereError
from runbell.core.events import RunEvent
from runbell.sources.dagster.instance import REMEDY, SHARED, home
from runbell.sources.dagster.runs import known_run, logged_change, step_failures_of

if TYPE_CHECKING:
    from dagster import DagsterInstance

# Recorded by hand: Dagster has never heard of such a run.
RECORDED_BY_HAND = "sql"
# What `attach dagster` calls its events unless told otherwise: whose runs these are need not be asked.
DAGSTERS_OWN = "dagster"


@dataclass(frozen=True, slots=True)
class NativeAnswers:
    """Answers with Dagster's objects for the runs that its instance knows, and as recorded for all others.

    Attributes:
        recorded: answers from what was recorded.
        shared: gives the instance.
    """

    recorded: Answers
    shared: "Callable[[], DagsterInstance]" = SHARED.get

    def run(self, event: RunEvent) -> Any:
        instance = self._instance(event)
        recorded = self.recorded.run(event)
        run = None if instance is None else known_run(instance, event, recorded)
        return recorded if run is None else run

    def url(self, event: RunEvent) -> str | None:
        return self.recorded.url(event)

    def change(self, event: RunEvent) -> Any:
        instance = self._instance(event)
        change = None if instance is None else logged_change(instance, event)
        return self.recorded.change(event) if change is None else change

    def instance(self, event: RunEvent) -> Any:
        recorded = self.recorded.instance(event)
        if event.source == RECORDED_BY_HAND:
            return recorded
        instance = self._instance(event)
        if instance is None:
            return InstanceWithoutHome(recorded)
        # Of a table's run it would say that there is none, and that its job has never run.
        known = event.source == DAGSTERS_OWN or instance.get_run_by_id(event.run_id) is not None
        return instance if known else recorded

    def log(self, sensor_name: str, event: RunEvent) -> Any:
        return self.recorded.log(sensor_name, event)

    def step_failures(self, event: RunEvent) -> Sequence[Any]:
        instance = self._instance(event)
        found = [] if instance is None else step_failures_of(instance, event)
        return found or self.recorded.step_failures(event)

    def astep_failures(self, event: RunEvent) -> Awaitable[Sequence[Any]]:
        return self.recorded.astep_failures(event)

    def _instance(self, event: RunEvent) -> "DagsterInstance | None":
        """None: there is no instance, or it cannot know the run."""
        return None if event.source == RECORDED_BY_HAND or home() is None else self.shared()


@dataclass(frozen=True, slots=True)
class InstanceWithoutHome:
    """Runbell's own answers, and, to what only Dagster can answer, what is missing for that."""

    recorded: Any

    def __getattr__(self, name: str) -> Any:
        try:
            return getattr(self.recorded, name)
        except NotHereError as error:
            raise NotHereError(
                f"{error}. DAGSTER_HOME is not set: {REMEDY}, and context.instance is its DagsterInstance"
            ) from None


def native_where_possible(recorded: Answers) -> Answers:
    """Answers with Dagster's objects, where Dagster is installed; else those given. Loads nothing.

    Example:
        >>> native_where_possible(None) is None or find_spec("dagster") is not None
        True
    """
    return recorded if find_spec("dagster") is None else NativeAnswers(recorded)
