"""Waits until it is known whether a failure is the last one of its run.

The wait is part of the evaluation: should the process end meanwhile, the event is evaluated again by the next. It lasts
no longer than a few seconds after the failure, so failures that wait for one another do not add up.
"""

import time

import anyio

from runbell.core.events import RunEvent
from runbell.core.finality import sign_of
from runbell.sources.details import read_retry_sign
from runbell.store.connections import Pool


async def is_retried(pool: Pool, event: RunEvent) -> bool:
    """Does the orchestrator retry the run that failed?

    Raises:
        StatementRefusedError: the source's tables cannot be read.
        StoreUnavailableError: the database cannot be reached.
    """
    began = time.monotonic()
    sign = sign_of(event)
    if sign.tag is None:
        sign = await read_retry_sign(pool, event)
    while (pause := sign.pause(time.monotonic() - began)) is not None:
        await anyio.sleep(pause)
        sign = await read_retry_sign(pool, event)
    return sign.retried
