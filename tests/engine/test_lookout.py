"""When a supervisor looks: as often as the last look asked for, and at once when rung."""

import asyncio
from itertools import pairwise

import anyio
import pytest

from runbell.engine.lookout import Lookout


async def test_it_looks_as_often_as_the_last_look_asked_for():
    moments: list[float] = []
    enough = anyio.Event()

    def look(now: float) -> float:
        moments.append(now)
        if len(moments) == 5:
            enough.set()
        return 0.01 if len(moments) < 5 else 3600.0

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(Lookout(look).run)
        with anyio.fail_after(5):
            await enough.wait()
        tasks.cancel_scope.cancel()

    assert all(after - before >= 0.009 for before, after in pairwise(moments))


async def test_rung_it_looks_at_once_and_counts_from_then():
    looks: list[float] = []
    lookout = Lookout(lambda now: looks.append(now) or 3600.0)
    lookout.ring()
    assert looks == [], "nobody looks yet"

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lookout.run)
        await asyncio.sleep(0)
        assert len(looks) == 1
        lookout.ring()
        lookout.ring()
        assert len(looks) == 3
        tasks.cancel_scope.cancel()

    lookout.ring()
    assert len(looks) == 3, "nobody looks any more"


async def test_rings_do_not_make_it_look_more_often():
    looks: list[float] = []
    lookout = Lookout(lambda now: looks.append(now) or 0.02)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lookout.run)
        await asyncio.sleep(0)
        for _ in range(10):
            lookout.ring()
        with anyio.fail_after(10):
            while len(looks) < 31:
                await anyio.sleep(0.005)
        tasks.cancel_scope.cancel()

    assert looks[30] - looks[10] >= 20 * 0.019


async def test_what_a_look_raises_ends_it():
    def look(_: float) -> float:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        with anyio.fail_after(5):
            await Lookout(look).run()
