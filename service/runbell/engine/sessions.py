"""The sessions of one term: a pool for what comes now and then, and one each for who uses the database all the time."""

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from runbell.store.connections import SCANS, Connection, Pool, Session, connect, connect_pool
from runbell.store.failures import translated

# Reader, tenure, and what contexts are asked; more would only wait for one another on a busy server.
POOL_SIZE = 5
# Planning a read for its own arguments takes 0.7 ms each time, longer than reading, and gives the same plan:
# tests/store/test_plans.py looks at both.
PLANS = "force_generic_plan"


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sessions that belong to whoever they are named for.

    Taking one from the pool and giving it back for each statement took 0.14 ms of a quiet process, twice an event.

    Attributes:
        pool: for all others.
        reading: the tail's.
        settling: the committer's.
        another: opens one more, in whatever event loop it is called.
    """

    pool: Pool
    reading: Connection
    settling: Connection
    another: Callable[[], Awaitable[Connection]]

    @classmethod
    async def opened(
        cls, stack: AsyncExitStack, url: str, suffix: str, greet: Callable[[Session], Coroutine[Any, Any, None]]
    ) -> Self:
        """All but the one more; they end with the stack, and `greet` is called with each.

        Raises:
            StoreUnavailableError: the database cannot be reached.
        """
        role = f"daemon {suffix}"
        pool = await connect_pool(
            url, role=role, size=POOL_SIZE, greet=greet, plan_cache_mode=PLANS, enable_seqscan=SCANS
        )
        stack.callback(pool.terminate)
        settling = await connect(url, role=role, plan_cache_mode=PLANS, enable_seqscan=SCANS)
        stack.callback(settling.terminate)
        await greet(settling)
        with translated():
            reading = await pool.acquire()
        return cls(pool, reading, settling, partial(connect, url, role=f"stalls {suffix}"))
