"""The run that an event is about, as a sensor's function sees it: Dagster's names over what is known here."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from runbell.core.documents import read_object, read_tags
from runbell.core.events import RunEvent
from runbell.core.members import NamedText
from runbell.core.statuses import ENDED, DagsterRunStatus

BEFORE_START = frozenset({"NOT_STARTED", "MANAGED", "QUEUED", "STARTING"})
PARTITION_TAG = "dagster/partition"


class RunFacts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is known of a run. JSON stands as text; times are seconds since 1970.

    Example:
        >>> RunFacts(run_id="r1", source="sql", job_name="etl", status="SUCCESS").ended_at is None
        True
    """

    run_id: str
    source: str
    job_name: str
    status: str
    code_location: str | None = None
    partition_key: str | None = None
    tags: str | None = None
    run_config: str | None = None
    created_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None

    @classmethod
    def of(cls, event: RunEvent) -> "RunFacts":
        """The run as it stood when the event happened: what came later is left out, also if it is known by now."""
        return cls(
            run_id=event.run_id,
            source=event.source,
            job_name=event.job_name,
            status=event.status,
            code_location=event.code_location,
            partition_key=event.partition_key,
            tags=event.tags,
            run_config=event.run_config,
            created_at=event.created_at,
            started_at=None if event.status in BEFORE_START else event.started_at,
            ended_at=event.ended_at if event.status in ENDED else None,
        )


class DagsterRun:
    """A run. Attributes that Dagster has and nobody recorded are None.

    Raises:
        RunbellError: on access to `tags` or `run_config` that cannot be read; the rest stays usable.

    Example:
        >>> run = DagsterRun(RunFacts(run_id="r1", source="sql", job_name="etl", status="SUCCESS", tags='{"a": "b"}'))
        >>> run.job_name, run.is_success, run.tags, run.status.value
        ('etl', True, {'a': 'b'}, 'SUCCESS')
    """

    asset_selection = None
    asset_check_selection = None
    step_keys_to_execute = None
    remote_job_origin = None
    job_code_origin = None
    job_snapshot_id = None
    execution_plan_snapshot_id = None

    def __init__(self, facts: RunFacts) -> None:
        self.run_id = facts.run_id
        self.job_name = facts.job_name
        self.code_location = facts.code_location
        self.source = facts.source
        self.create_timestamp = facts.created_at
        self.start_time = facts.started_at
        self.end_time = facts.ended_at
        self._facts = facts

    def __repr__(self) -> str:
        return f"DagsterRun(run_id={self.run_id!r}, job_name={self.job_name!r}, status={self._facts.status!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DagsterRun) and self._facts == other._facts

    def __hash__(self) -> int:
        return hash(self._facts)

    @property
    def status(self) -> DagsterRunStatus | NamedText:
        """A member of DagsterRunStatus; a status that is none of them as text with `.value` and `.name`."""
        known = DagsterRunStatus.__members__.get(self._facts.status)
        return NamedText(self._facts.status) if known is None else known

    @cached_property
    def tags(self) -> dict[str, str]:
        return read_tags(self._facts.tags, f"the tags of run {self.run_id}")

    @cached_property
    def run_config(self) -> dict[str, Any]:
        return read_object(self._facts.run_config, f"the run config of run {self.run_id}")

    @property
    def partition_key(self) -> str | None:
        """The recorded one, else the tag `dagster/partition`."""
        return self._facts.partition_key or self.tags.get(PARTITION_TAG)

    @property
    def root_run_id(self) -> str | None:
        return self.tags.get("dagster/root_run_id")

    @property
    def parent_run_id(self) -> str | None:
        return self.tags.get("dagster/parent_run_id")

    @property
    def is_finished(self) -> bool:
        return self._facts.status in ENDED

    @property
    def is_success(self) -> bool:
        return self._facts.status == "SUCCESS"

    @property
    def is_failure(self) -> bool:
        return self._facts.status == "FAILURE"

    @property
    def is_failure_or_canceled(self) -> bool:
        return self._facts.status in {"FAILURE", "CANCELED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStats:
    """The times of a run, in seconds since 1970; None where not known.

    Example:
        >>> RunStats(run_id="r1", start_time=1.0, end_time=3.5).end_time
        3.5
    """

    run_id: str
    start_time: float | None = None
    end_time: float | None = None
    launch_time: float | None = None
    enqueued_time: float | None = None
