"""What a test says has happened, as answers to what its sensor asks."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runbell.core.events import RunEvent, StepFailure
from runbell.core.run_queries import RunsQuery
from runbell.core.run_records import LoggedEvent, merge_log
from runbell.core.runs import RunFacts
from runbell.core.statuses import event_type_of


@dataclass(frozen=True, slots=True)
class Story:
    """One run, its event, and its failed steps with their errors; nothing else has happened."""

    event: RunEvent
    failures: Mapping[str, Any]

    async def run_by_id(self, run_id: str, source: str) -> RunFacts | None:
        return RunFacts.of(self.event) if (source, run_id) == self.event.run else None

    async def runs(self, query: RunsQuery) -> Sequence[RunFacts]:
        facts = RunFacts.of(self.event)
        return [facts] if query.limit and query.asks_for(facts) else []

    async def run_log(self, source: str, run_id: str) -> Sequence[LoggedEvent]:
        if (source, run_id) != self.event.run:
            return []
        event = self.event
        kind = event_type_of(event.status)
        change = LoggedEvent(kind, event.job_name, None, event.message, event.error, event.recorded_at)
        return merge_log([change], await self.step_failures(source, run_id))

    async def step_failures(self, source: str, run_id: str) -> Sequence[StepFailure]:
        failures = self.failures if (source, run_id) == self.event.run else {}
        return [
            StepFailure(step_key, f'Execution of step "{step_key}" failed.', json.dumps(error), self.event.recorded_at)
            for step_key, error in failures.items()
        ]


def failure_message(job_name: str, step_keys: Collection[str]) -> str | None:
    """What Dagster says of a run whose steps failed; code reads the steps out of it. None if none failed.

    Example:
        >>> print(failure_message("etl", ["load"]))
        Execution of run for "etl" failed. Steps failed: ['load'].
    """
    return f'Execution of run for "{job_name}" failed. Steps failed: {[*step_keys]!r}.' if step_keys else None
