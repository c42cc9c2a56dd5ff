"""The statuses of a run, under Dagster's names. Any other status is kept and matched as text."""

from enum import Enum

from runbell.core.members import NamedText, SharedMember


class DagsterRunStatus(SharedMember, str, Enum):  # noqa: UP042 - str() gives DagsterRunStatus.FAILURE, as Dagster's
    """The status of a run, as in Dagster: equal to Dagster's own member and to its text.

    Example:
        >>> DagsterRunStatus("FAILURE") is DagsterRunStatus.FAILURE
        True
    """

    QUEUED = "QUEUED"
    NOT_STARTED = "NOT_STARTED"
    MANAGED = "MANAGED"
    STARTING = "STARTING"
    STARTED = "STARTED"
    SUSPENDED = "SUSPENDED"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    CANCELING = "CANCELING"
    CANCELED = "CANCELED"


ENDED = frozenset({"SUCCESS", "FAILURE", "CANCELED"})

# Dagster's stored names of the events that change a run's status (`event_type_value`); the prefix is older than "run".
# NOT_STARTED and MANAGED have no event in Dagster.
EVENT_TYPES = {
    "QUEUED": "PIPELINE_ENQUEUED",
    "STARTING": "PIPELINE_STARTING",
    "STARTED": "PIPELINE_START",
    "SUSPENDED": "RUN_SUSPENDED",
    "SUCCESS": "PIPELINE_SUCCESS",
    "FAILURE": "PIPELINE_FAILURE",
    "CANCELING": "PIPELINE_CANCELING",
    "CANCELED": "PIPELINE_CANCELED",
}


def event_type_of(status: str) -> str:
    """Dagster's event type for a status; for one without an event, `RUN_<status>`."""
    return EVENT_TYPES.get(status, f"RUN_{status}")


def read_status(text: str) -> DagsterRunStatus | NamedText:
    """The member of this name; a status that is none of them as text with `.value` and `.name`.

    Example:
        >>> read_status("SUCCESS") is DagsterRunStatus.SUCCESS, read_status("PAUSED").value
        (True, 'PAUSED')
    """
    known = DagsterRunStatus.__members__.get(text)
    return NamedText(text) if known is None else known
