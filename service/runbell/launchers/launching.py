"""Launches one claimed request and reports what came of it; the claim is renewed for as long as that takes."""

from collections.abc import Awaitable, Callable

import anyio
import structlog

from runbell.core.errors import StatementRefusedError, StoreUnavailableError
from runbell.core.queue import QueuedRequest
from runbell.core.text import storable
from runbell.launchers.options import LaunchOptions
from runbell.launchers.targets import Target
from runbell.store.connections import Pool
from runbell.store.requests import complete_run_request, fail_run_request, renew_run_request

FIRST_BACKOFF_SECONDS = 0.2
LONGEST_BACKOFF_SECONDS = 10.0
LONGEST_ERROR_BYTES = 4000

log = structlog.get_logger()


class Launching:
    """What happens to each claimed request."""

    def __init__(self, pool: Pool, target: Target, options: LaunchOptions) -> None:
        self._pool = pool
        self._target = target
        self._options = options

    async def launch(self, request: QueuedRequest) -> float | None:
        """Launch and report; gives the seconds after which the request may be tried again, if it may."""
        began = anyio.current_time()
        run_id, error = await self._start(request)
        if error is not None:
            retry_in = self._options.retry_in(request.attempts)
            return await self._failed(request, f"{type(error).__name__}: {error}", retry_in)
        await self._launched(request, run_id, request.age_seconds + anyio.current_time() - began)
        return None

    async def _start(self, request: QueuedRequest) -> tuple[str, Exception | None]:
        run_id, raised = "", None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._renew, request)
            try:
                run_id = await self._target.launch(request)
            except Exception as error:  # noqa: BLE001 - a target's errors are its own; each one is reported
                raised = error
            tasks.cancel_scope.cancel()
        return run_id, raised

    async def _renew(self, request: QueuedRequest) -> None:
        # A lost claim ends the renewing, not the launch: half a launch helps nobody, and its report will be refused.
        held = True
        while held:
            await anyio.sleep(self._options.hold_seconds / 2)
            try:
                held = await renew_run_request(self._pool, request, self._options.hold_seconds)
            except StoreUnavailableError as error:
                log.warning("claim_not_renewed", request_id=request.request_id, error=str(error))

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
