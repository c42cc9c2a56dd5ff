"""I7: with the fallback read switched off, whoever writes in whatever way: no wake-up is ever lost."""

import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import asyncpg
import pytest

from runbell.engine import tail
from runbell.store.bell import Sleep
from support.answering import REQUESTS, once, twice
from support.daemons import record, running, until

Session = asyncpg.Connection
SECONDS = 12.0
# Generous: other processes use the machine too. A wake-up that is lost is made up for by nothing here.
AT_MOST_SECONDS = 2.0
ANSWERED = """
SELECT e.run_id
FROM runbell.run_requests AS q
JOIN runbell.run_events AS e USING (event_id)
GROUP BY e.run_id
HAVING count(*) = $1
"""


@dataclass
class Book:
    """When which run was committed, when all of its requests were seen; how often somebody fell asleep."""

    committed: dict[str, float] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)
    asleep: int = 0

    @property
    def waits(self) -> list[float]:
        return [self.answered[run_id] - at for run_id, at in self.committed.items()]


async def bursts(session: Session, chance: random.Random, book: Book) -> list[str]:
    """Several commits on end, and then a pause in which the daemons fall asleep."""
    await anyio.sleep(chance.choice([0.0, 0.003, 0.01, 0.05, 0.3]))
    names = [f"b{len(book.committed)}-{chance.getrandbits(32)}-{number}" for number in range(chance.randrange(1, 25))]
    for name in names[:-1]:
        await record(session, name)
        book.committed[name] = time.monotonic()
    return names[-1:]


async def savepoints(session: Session, chance: random.Random, book: Book) -> list[str]:
    """Events in savepoints, of which some are rolled back, as a guarded trigger would do."""
    await anyio.sleep(chance.uniform(0.0, 0.2))
    kept = []
    for number in range(3):
        inner = session.transaction()
        await inner.start()
        name = f"s{len(book.committed)}-{chance.getrandbits(32)}-{number}"
        await record(session, name)
        if chance.random() < 0.4:
            await inner.rollback()
        else:
            await inner.commit()
            kept.append(name)
    return kept


async def open_for_long(session: Session, chance: random.Random, _: Book) -> list[str]:
    """Recorded while the daemons are awake or asleep, committed when they have read and slept many times since."""
    name = f"l{chance.getrandbits(32)}"
    await record(session, name)
    await anyio.sleep(chance.uniform(1.0, 3.0))
    return [name]


@asynccontextmanager
async def written(url: str, book: Book) -> AsyncIterator[None]:
    """Writers of every kind, for SECONDS."""
    ends_at = time.monotonic() + SECONDS

    async def write(kind: object, seed: int) -> None:
        chance = random.Random(seed)
        session = await asyncpg.connect(url)
        while time.monotonic() < ends_at:
            async with session.transaction():
                # Bursts commit on their own session, one by one.
                other = await asyncpg.connect(url) if kind is bursts else session
                names = await kind(other, chance, book)  # type: ignore[operator]
                if kind is bursts:
                    await other.close()
                    await record(session, names[0])
            book.committed.update(dict.fromkeys(names, time.monotonic()))
        await session.close()

    async with anyio.create_task_group() as tasks:
        for seed, kind in enumerate([bursts, bursts, savepoints, open_for_long, open_for_long]):
            tasks.start_soon(write, kind, seed)
        yield


async def keep(session: Session, book: Book) -> None:
    """Note for ever what has been answered."""
    while True:
        for row in await session.fetch(ANSWERED, sum(REQUESTS.values())):
            book.answered.setdefault(row[0], time.monotonic())
        await anyio.sleep(0.01)


async def test_i7_every_event_is_answered_soon_though_nothing_but_the_bell_wakes_anybody(
    database_url: str, connection: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "SLOW_READ_SECONDS", float("inf"))
    # A burst is enough to wake for good, so that falling asleep and waking are as frequent as they can be.
    monkeypatch.setattr(tail, "BUSY_SECONDS", 0.05)
    book = Book()
    lock_bell = Sleep.lock_bell

    async def counted(sleep: Sleep) -> bool:
        asleep = await lock_bell(sleep)
        book.asleep += asleep
        return asleep

    monkeypatch.setattr(Sleep, "lock_bell", counted)
    async with (
        running(database_url, once, twice),
        running(database_url, once, twice),
        anyio.create_task_group() as all_,
    ):
        all_.start_soon(keep, connection, book)
        async with written(database_url, book):
            pass

        async def missing() -> int:
            return len(book.committed.keys() - book.answered.keys())

        await until(missing, lambda count: count == 0, seconds=AT_MOST_SECONDS + 1)
        all_.cancel_scope.cancel()
    print(f"\nevents {len(book.committed)}, slowest {max(book.waits):.3f} s, fell asleep {book.asleep} times")

    assert max(book.waits) < AT_MOST_SECONDS
    assert book.asleep > 20
