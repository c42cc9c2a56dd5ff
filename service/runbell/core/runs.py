"""The run that an event is about, as a sensor's function sees it: Dagster's names over what is known here."""

from functools import cached_property
from typing import Any

import msgspec

from runbell.core.documents import read_object, read_tags
from runbell.core.events import RunEvent
from runbell.core.members import NamedText
from runbell.core.records import Record
from runbell.core.statuses import ENDED, DagsterRunStatus, read_status

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
    updated_at: float | None = None
    enqueued_at: float | None = None
    launched_at: float | None = None

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


class DagsterRun(Record):
    """A run, as it stood when it was read. Fields that Dagster has and nobody recorded are None.

    Args:
        job_name: the job.
        run_id: the run's own id.
        fields: the other fields of Dagster's DagsterRun, by name.

    Raises:
        RunbellError: on access to `tags` or `run_config` that cannot be read; the rest stays usable.

    Example:
        >>> run = DagsterRun("etl", run_id="r1", status=DagsterRunStatus.SUCCESS, tags={"a": "b"})
        >>> run.job_name, run.is_success, run.tags, run.status.value
        ('etl', True, {'a': 'b'}, 'SUCCESS')
    """

    _fields = (
        "job_name",
        "run_id",
        "run_config",
        "asset_selection",
        "asset_check_selection",
        "op_selection",
        "resolved_op_selection",
        "step_keys_to_execute",
        "status",
        "tags",
        "root_run_id",
        "parent_run_id",
        "job_snapshot_id",
        "execution_plan_snapshot_id",
        "remote_job_origin",
        "job_code_origin",
        "has_repository_load_data",
        "run_op_concurrency",
        "partitions_subset",
    )
    known_as = "dagster_run"

    asset_selection = None
    asset_check_selection = None
    op_selection = None
    resolved_op_selection = None
    step_keys_to_execute = None
    remote_job_origin = None
    job_code_origin = None
    job_snapshot_id = None
    execution_plan_snapshot_id = None
    has_repository_load_data = False
    run_op_concurrency = None
    partitions_subset = None

    # What Dagster's has not, and people look for.
    code_location: str | None = None
    source: str | None = None
    create_timestamp: float | None = None
    start_time: float | None = None
    end_time: float | None = None
    url: str | None = None

    _facts: RunFacts

    def __init__(self, job_name: str, run_id: str = "a-run", **fields: Any) -> None:
        self._refuse_unknown(fields)
        given: dict[str, Any] = {"status": DagsterRunStatus.NOT_STARTED, "tags": {}, "run_config": {}, **fields}
        self.__dict__.update({name: value for name, value in given.items() if value is not None})
        self.job_name = job_name
        self.run_id = run_id

    @classmethod
    def of(cls, facts: RunFacts) -> "DagsterRun":
        """The run of which these facts are known; JSON is read when somebody looks at it."""
        run = cls.__new__(cls)
        run.__dict__.update(
            run_id=facts.run_id,
            job_name=facts.job_name,
            code_location=facts.code_location,
            source=facts.source,
            create_timestamp=facts.created_at,
            start_time=facts.started_at,
            end_time=facts.ended_at,
            _facts=facts,
        )
        return run

    def __repr__(self) -> str:
        return f"DagsterRun(run_id={self.run_id!r}, job_name={self.job_name!r}, status={self._status!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DagsterRun) and self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash(self.run_id)

    def _compared(self) -> tuple[object, ...]:
        return (self.source, *self)

    @cached_property
    def status(self) -> DagsterRunStatus | NamedText:
        """A member of DagsterRunStatus; a status that is none of them as text with `.value` and `.name`."""
        return read_status(self._facts.status)

    @cached_property
    def tags(self) -> dict[str, str]:
        return read_tags(self._facts.tags, f"the tags of run {self.run_id}")

    @cached_property
    def run_config(self) -> dict[str, Any]:
        return read_object(self._facts.run_config, f"the run config of run {self.run_id}")

    @cached_property
    def partition_key(self) -> str | None:
        """The recorded one, else the tag `dagster/partition`."""
        recorded = self._facts.partition_key if "_facts" in self.__dict__ else None
        return recorded or self.tags.get(PARTITION_TAG)

    @cached_property
    def root_run_id(self) -> str | None:
        return self.get_root_run_id()

    @cached_property
    def parent_run_id(self) -> str | None:
        return self.get_parent_run_id()

    def get_root_run_id(self) -> str | None:
        return self.tags.get("dagster/root_run_id")

    def get_parent_run_id(self) -> str | None:
        return self.tags.get("dagster/parent_run_id")

    @property
    def previous_run_id(self) -> str | None:
        return self.parent_run_id

    @property
    def failure_reason(self) -> str | None:
        """Dagster's word for why the run failed, if it had set its tag by then."""
        return self.tags.get("dagster/failure_reason")

    @property
    def pipeline_name(self) -> str:
        """What `job_name` was called before Dagster 1.0."""
        return self.job_name

    @property
    def _status(self) -> str:
        return str(getattr(self.status, "value", self.status))

    @property
    def is_finished(self) -> bool:
        return self._status in ENDED

    @property
    def is_success(self) -> bool:
        return self._status == "SUCCESS"

    @property
    def is_failure(self) -> bool:
        return self._status == "FAILURE"

    @property
    def is_failure_or_canceled(self) -> bool:
        return self._status in {"FAILURE", "CANCELED"}

    @property
    def is_cancelable(self) -> bool:
        return self._status in {"STARTED", "QUEUED"}

    @property
    def is_resume_retry(self) -> bool:
        return self.tags.get("dagster/is_resume_retry") == "true"

    @property
    def is_partitioned(self) -> bool:
        """Has it a partition, or a range of them?"""
        ranges = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
        return self.partition_key is not None or any(tag in self.tags for tag in ranges)

    @property
    def is_complete_and_waiting_to_retry(self) -> bool:
        """Has it failed, with another attempt announced and not launched yet, as far as its tags say?"""
        waits = self.tags.get("dagster/will_retry") == "true" and "dagster/auto_retry_run_id" not in self.tags
        return self.is_failure and waits

    def with_status(self, status: Any) -> "DagsterRun":
        return self._replace(status=status)

    def with_tags(self, tags: dict[str, str]) -> "DagsterRun":
        return self._replace(tags=tags)
