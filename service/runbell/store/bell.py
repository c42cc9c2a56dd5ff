"""The sleep of a daemon: an idle transaction that holds SHARE on the bell.

The session does nothing else. A transaction that holds a lock and waits for its client has no snapshot, so it pins
neither vacuum nor anybody's commit.
"""

import anyio
import asyncpg

from runbell.core.errors import StoreUnavailableError
from runbell.store.connections import Pool, Session
from runbell.store.failures import translated
from runbell.store.relayed import is_relayed
from runbell.store.statements import statement


class Sleep:
    """Falling asleep and waking on one session."""

    def __init__(self, session: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._session = session
        self._lost = anyio.Event()
        self.asleep = False
        session.add_termination_listener(lambda _: self._lost.set())

    async def watch(self) -> None:
        """Wait until the session is lost: the lock is gone with it, and nobody would ring."""
        await self._lost.wait()
        raise StoreUnavailableError("the sleeping session was lost")

    async def lock_bell(self) -> bool:
        """Try to fall asleep, without waiting; False while a writer is at work."""
        with translated():
            transaction = self._session.transaction()
            await transaction.start()
            try:
                await self._session.execute(statement("lock_bell"))
            except asyncpg.LockNotAvailableError:
                await transaction.rollback()
                return False
        self._transaction = transaction
        self.asleep = True
        return True

    async def wake(self) -> None:
        """Stop sleeping: writers need not ring from here on."""
        if self.asleep:
            self.asleep = False
            with translated():
                await self._transaction.rollback()


async def ring_events(session: Session) -> None:
    """Ring the daemons' channel, as a writer would: a listener proves by this that it hears."""
    with translated():
        await session.execute(statement("ring_events"))


async def keeps_backend(session: Session, pool: Pool) -> bool:
    """Does the session have a backend of its own, so that it may listen and hold locks?

    Asked before anything is left on a backend. A pooler that hands out whichever was used last gives ours away as soon
    as another transaction begins; one that takes turns gives us another one next time.
    """
    if not is_relayed(session):
        return True
    first = await which_backend(session)
    async with pool.acquire() as other, other.transaction():
        found = {await which_backend(session), await which_backend(session)}
        return found == {first} and await which_backend(other) != first


async def which_backend(session: Session) -> int:
    """The process of the server that answers a statement of this session now."""
    with translated():
        backend: int = await session.fetchval(statement("which_backend"))
    return backend
