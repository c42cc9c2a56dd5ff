"""A call that takes too long is ended, whatever it does about it; nothing else is taken for that."""

import asyncio

import anyio
import pytest

from runbell.engine.deadlines import Deadlines


async def test_what_takes_too_long_is_ended_and_the_task_can_go_on():
    deadlines = Deadlines(0.05)

    with pytest.raises(TimeoutError), deadlines:
        await asyncio.sleep(5)

    with deadlines:
        await asyncio.sleep(0.01)
    assert not asyncio.current_task().cancelling()


async def test_a_call_that_swallows_its_cancellation_is_cancelled_again_and_has_failed():
    deadlines = Deadlines(0.05)
    ended = []

    async def swallow():
        for _ in range(3):
            with pytest.raises(asyncio.CancelledError):
                await asyncio.sleep(5)

    async def stubborn():
        with pytest.raises(TimeoutError), deadlines:
            await swallow()
        ended.append("stubborn")

    async def quick():
        with deadlines:
            await asyncio.sleep(0.01)
        ended.append("quick")

    async with anyio.create_task_group() as tasks:
        for call in (stubborn, quick, stubborn):
            tasks.start_soon(call)
    assert ended == ["quick", "stubborn", "stubborn"]


async def test_being_cancelled_from_outside_is_not_a_timeout():
    with anyio.move_on_after(0.05) as outside, Deadlines(5):
        await anyio.sleep(5)

    assert outside.cancelled_caught
    assert not asyncio.current_task().cancelling()


async def test_scopes_of_the_function_itself_are_left_in_order():
    async def nested():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep, 5)
            with anyio.move_on_after(3):
                await anyio.sleep(5)

    with pytest.raises(TimeoutError), Deadlines(0.05):
        await nested()

    assert not asyncio.current_task().cancelling()
