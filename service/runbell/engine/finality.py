"""Waits until it is known whether a failure is the last one of its run.

The wait is part of the evaluation: should the process end meanwhile, the event is evaluated again by the next. It lasts
no longer than a few seconds after the failure, so failures that wait for one another do not add up.
"""

import time

import anyio

from runbell.core.errors import StatementRefusedError, StoreUnavailableError
from runbell.core.events import RunEvent
from runbell.core.finality import RetrySign, sign_of
from runbell.sources.details import read_retry_sign
from runbell.store.connections import Pool
from runbell.store.waking import ping

# Between attempts to ask a server that refuses the statement, or is away.
PAUSES = (0.05, 0.2, 0.8)
ALIVE_SECONDS = 2.0


async def is_retried(pool: Pool, event: RunEvent) -> bool:
    """Does the orchestrator retry the run that failed?

    Raises:
        StatementRefusedError: the source's tables cannot be read, although the database is there.
        StoreUnavailableError: the database cannot be reached.
    """
    began = time.monotonic()
    sign = sign_of(event)
    if sign.tag is None:
        sign = await _ask(pool, event)
    while (pause := sign.pause(time.monotonic() - began)) is not None:
        await anyio.sleep(pause)
        sign = await _ask(pool, event)
    return sign.retried


async def _ask(pool: Pool, event: RunEvent) -> RetrySign:
    """Ask a few times: a table that cannot be read must not end the term, which is everybody's."""
    for pause in PAUSES:
        try:
            return await read_retry_sign(pool, event)
        except StoreUnavailableError:
            await anyio.sleep(pause)
    try:
        return await read_retry_sign(pool, event)
    except StoreUnavailableError as error:
        await ping(pool, ALIVE_SECONDS)
        raise StatementRefusedError(f"whether run {event.run_id} is retried cannot be read: {error}") from None
