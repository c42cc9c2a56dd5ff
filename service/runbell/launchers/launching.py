"""Launches one claimed request and reports what came of it; the claim is renewed for as long as that takes."""

from collections.abc import Awaitable, Callable

import anyio
import structlog

from runbell.core.errors import RunbellError, StatementRefusedError, StoreUnavailableError
from runbell.core.queue import QueuedRequest
from runbell.core.text import storable
from runbell.launchers.claims import Claim, ClaimLostError
from runbell.launchers.options import LaunchOptions
from runbell.launchers.reach import Reach
from runbell.launchers.targets import LaunchRefusedError, NotReadyError, OutcomeUnknownError, Target, TargetAwayError
from runbell.launchers.tries import Tries
from runbell.store.connections import Pool
from runbell.store.requests import complete_run_request, fail_run_request

FIRST_BACKOFF_SECONDS = 0.2
LONGEST_BACKOFF_SECONDS = 10.0
LONGEST_ERROR_BYTES = 4000

log = structlog.get_logger()


class Launching:
    """What happens to each claimed request."""

    def __init__(self, pool: Pool, target: Target, options: LaunchOptions, reach: Reach) -> None:
        self._pool = pool
        self._target = target
        self._options = options
        self._reach = reach
        self._tries = Tries(options)

    async def launch(self, request: QueuedRequest, claimed_at: float) -> float | None:
        """Launch and report; gives the seconds after which the request may be tried again, if it may."""
        run_id, error = await self._start(
            request, Claim(self._pool, request, claimed_at, hold_seconds=self._options.hold_seconds)
        )
        if error is not None:
            return await self._did_not_launch(request, error)
        self._reach.answered()
        self._tries.ended(request.request_id)
        await self._launched(request, run_id, request.age_seconds + anyio.current_time() - claimed_at)
        return None

    async def _start(self, request: QueuedRequest, claim: Claim) -> tuple[str, Exception | None]:
        run_id, raised = "", None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(claim.keep)
            try:
                run_id = await self._target.launch(request, claim)
            except Exception as error:  # noqa: BLE001 - a target's errors are its own; each one is reported
                raised = error
            tasks.cancel_scope.cancel()
        return run_id, raised

    async def _did_not_launch(self, request: QueuedRequest, error: Exception) -> float | None:
        if isinstance(error, ClaimLostError):
            log.error("claim_lost", request_id=request.request_id, attempt=request.attempts)
            return None
        # What Runbell's own errors say is a sentence; others mean little without their kind.
        text = str(error) if isinstance(error, RunbellError) else f"{type(error).__name__}: {error}"
        return await self._failed(request, text, self._retry_in(request, error))

    def _retry_in(self, request: QueuedRequest, error: Exception) -> float | None:
        match error:
            case TargetAwayError():
                return self._reach.lost()
            case OutcomeUnknownError():
                return max(error.retry_in, self._reach.lost())
            case StoreUnavailableError():
                return self._options.backoff_seconds
        self._reach.answered()
        match error:
            case NotReadyError():
                return self._tries.not_ready(request.request_id)
            case LaunchRefusedError():
                self._tries.ended(request.request_id)
                return None
        return self._tries.failed(request.request_id)

    async def _launched(self, request: QueuedRequest, run_id: str, lag_seconds: float) -> None:
        try:
            held = await _reported(lambda: complete_run_request(self._pool, request, run_id), request)
        except StatementRefusedError as error:
            # Another try would start another run.
            await self._failed(request, f"launched as {run_id!r}, which cannot be recorded: {error}", None)
            return
        facts = {"sensor": request.sensor_name, "job_name": request.job_name, "run_id": run_id}
        if held:
            lag_ms = round(lag_seconds * 1000, 1)
            log.info("run_launched", request_id=request.request_id, **facts, run_key=request.run_key, lag_ms=lag_ms)
        else:
            log.error("claim_lost", request_id=request.request_id, attempt=request.attempts, **facts)

    async def _failed(self, request: QueuedRequest, error: str, retry_in: float | None) -> float | None:
        text = storable(error, LONGEST_ERROR_BYTES)
        held = await _reported(lambda: fail_run_request(self._pool, request, text, retry_in), request)
        (log.error if retry_in is None else log.warning)(
            "run_launch_failed",
            request_id=request.request_id,
            sensor=request.sensor_name,
            job_name=request.job_name,
            attempt=request.attempts,
            error=text,
            retry_in_seconds=retry_in,
            claim_lost=not held,
        )
        return retry_in if held else None


async def _reported(report: Callable[[], Awaitable[bool]], request: QueuedRequest) -> bool:
    """Report until the database answers: what has been launched must not be launched again for want of a report."""
    backoff = FIRST_BACKOFF_SECONDS
    while True:
        try:
            return await report()
        except StoreUnavailableError as error:
            log.warning("report_delayed", request_id=request.request_id, error=str(error), retry_in_seconds=backoff)
        await anyio.sleep(backoff)
        backoff = min(backoff * 2, LONGEST_BACKOFF_SECONDS)
