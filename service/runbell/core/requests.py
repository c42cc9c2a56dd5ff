"""What a sensor function may answer with, and the form in which a request reaches the queue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Asks for one run.

    Args:
        run_key: at most one run per sensor and key, for as long as the policy says; None asks for a new run each time.
        run_config: the run's configuration, JSON-able.
        tags: put on the run; values are turned into text as in Dagster.
        job_name: which of the sensor's `request_jobs`; may be left out when there is only one.
        asset_selection: asset keys to materialize; None leaves it to the job.
        partition_key: the partition to run for.
        run_key_policy: how long the key stays taken: "forever", a timedelta, "until_success", "while_active"; None
            follows the sensor's.

    Example:
        >>> RunRequest(run_key="2026-01-01", partition_key="2026-01-01").run_key
        '2026-01-01'
    """

    run_key: str | None = None
    run_config: Mapping[str, Any] | None = None
    tags: Mapping[str, Any] | None = None
    job_name: str | None = None
    asset_selection: Sequence[Any] | None = None
    stale_assets_only: bool = False
    partition_key: str | None = None
    asset_check_keys: Sequence[Any] | None = None
    run_key_policy: str | timedelta | None = None


@dataclass(frozen=True, slots=True)
class SkipReason:
    """Says why nothing was requested; the reason stands in the log line and the tick.

    Example:
        >>> SkipReason("already up to date").skip_message
        'already up to date'
    """

    skip_message: str | None = None


@dataclass(frozen=True, slots=True)
class SensorResult:
    """An answer with its parts named. `cursor` is Runbell's own business: giving one is the evaluation's failure.

    Example:
        >>> SensorResult(run_requests=[RunRequest()]).skip_reason is None
        True
    """

    run_requests: Sequence[RunRequest] | None = None
    skip_reason: str | SkipReason | None = None
    cursor: str | None = None
    dynamic_partitions_requests: Sequence[Any] | None = None
    asset_events: Sequence[Any] | None = None


class RequestDraft(msgspec.Struct, frozen=True, gc=False):
    """A run request, checked and encoded: what the commit writes. JSON stands as text."""

    job_name: str
    run_key: str | None = None
    partition_key: str | None = None
    code_location: str | None = None
    asset_selection: str | None = None
    run_config: str = "{}"
    tags: str = "{}"
    key_policy: str | None = None
    key_seconds: float | None = None


class Conclusion(msgspec.Struct, frozen=True):
    """What one call of a sensor function came to.

    Attributes:
        outcome: requested, acted, skipped or failed; shadowed: the function was not called.
        reason: of a skip, or of a failure that the function asked for.
        error: of a failure, with the traceback where there is one; storable text.
        final: the failure can never succeed on another try.
        mistake: the failure is an error of the author's code that another try rarely mends.
        retry_after: seconds until the next call, where the function said so itself.
        at_least: the next call may come later than that, if the sensor's policy waits longer.
    """

    outcome: str
    requests: tuple[RequestDraft, ...] = ()
    reason: str | None = None
    error: str | None = None
    final: bool = False
    mistake: bool = False
    retry_after: float | None = None
    at_least: bool = False
