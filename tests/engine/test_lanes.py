"""The order of one sensor's evaluations, how many run at once, and holding them back."""

import asyncio
from collections.abc import Callable

import anyio
import anyio.lowlevel
import pytest

from runbell.core.progress import Evaluation
from runbell.engine.lanes import Lane
from runbell.testing import made_up_event


class Calls:
    """What a lane calls: begins, and ends when it is let."""

    def __init__(self) -> None:
        self.begun: list[Evaluation] = []
        self._ends: dict[int, anyio.Event] = {}

    async def evaluate(self, evaluation: Evaluation) -> None:
        self.begun.append(evaluation)
        self._ends[id(evaluation)] = anyio.Event()
        await self._ends[id(evaluation)].wait()

    def end(self, evaluation: Evaluation) -> None:
        self._ends[id(evaluation)].set()


def evaluation(run_id: str) -> Evaluation:
    return Evaluation(made_up_event(run_id=run_id, status="SUCCESS"))


async def settles(holds: Callable[[], bool]) -> None:
    with anyio.fail_after(5):
        while not holds():
            await anyio.lowlevel.checkpoint()


async def test_i4_an_event_that_comes_alone_does_not_wait_for_the_one_that_runs() -> None:
    calls = Calls()
    first, second = evaluation("a"), evaluation("b")
    async with anyio.create_task_group() as tasks:
        lane = Lane(tasks, 2, calls.evaluate)
        lane.add([first])
        await settles(lambda: calls.begun == [first])

        lane.add([second])

        await settles(lambda: calls.begun == [first, second])
        calls.end(first)
        calls.end(second)
        lane.close()


@pytest.mark.parametrize("width", [1, 3])
async def test_no_more_run_at_once_than_the_width_and_each_is_called_once(width: int) -> None:
    calls = Calls()
    all_of_them = [evaluation(str(number)) for number in range(7)]
    async with anyio.create_task_group() as tasks:
        lane = Lane(tasks, width, calls.evaluate)
        for one in all_of_them:
            lane.add([one])
        for done, one in enumerate(all_of_them):
            await settles(lambda done=done: len(calls.begun) == min(done + width, len(all_of_them)))  # type: ignore[misc]
            calls.end(one)
        lane.close()

    assert calls.begun == all_of_them


async def test_functions_that_finish_at_once_are_all_called_by_one_task() -> None:
    callers = set()

    async def evaluate(_: Evaluation) -> None:
        callers.add(asyncio.current_task())

    async with anyio.create_task_group() as tasks:
        lane = Lane(tasks, 16, evaluate)
        before = asyncio.all_tasks()
        lane.add([evaluation(str(number)) for number in range(50)])
        started = asyncio.all_tasks() - before
        await settles(lambda: lane.quiet and len(callers) > 0)
        lane.close()

    assert callers == started
    assert len(started) == 1


async def test_one_that_waits_after_others_that_did_not_holds_up_nobody() -> None:
    calls, done = Calls(), []

    async def evaluate(one: Evaluation) -> None:
        if one is slow:
            await calls.evaluate(one)
        done.append(one)

    slow = evaluation("slow")
    before, after = evaluation("before"), [evaluation(str(number)) for number in range(3)]
    async with anyio.create_task_group() as tasks:
        lane = Lane(tasks, 2, evaluate)
        lane.add([before, slow, *after])
        await settles(lambda: done == [before, *after])
        calls.end(slow)
        lane.close()


async def test_two_events_of_one_run_are_never_evaluated_at_once() -> None:
    calls = Calls()
    first, other, second = evaluation("a"), evaluation("b"), evaluation("a")
    async with anyio.create_task_group() as tasks:
        lane = Lane(tasks, 3, calls.evaluate)
        lane.add([first, second, other])
        await settles(lambda: calls.begun == [first, other])
        calls.end(first)
        await settles(lambda: calls.begun == [first, other, second])
        calls.end(other)
        calls.end(second)
        lane.close()


async def test_held_it_begins_nothing_and_is_quiet_when_what_ran_has_ended_and_resumed_it_forgets_nothing() -> None:
    calls = Calls()
    first, second, third = evaluation("a"), evaluation("a"), evaluation("b")
    async with anyio.create_task_group() as tasks:
        lane = Lane(tasks, 1, calls.evaluate)
        lane.add([first, second])
        await settles(lambda: calls.begun == [first])
        lane.hold()
        lane.add([third])
        assert not lane.quiet

        calls.end(first)
        await settles(lambda: lane.quiet)
        assert calls.begun == [first]

        lane.resume()
        await settles(lambda: calls.begun == [first, second])
        calls.end(second)
        await settles(lambda: calls.begun == [first, second, third])
        calls.end(third)
        lane.close()


async def test_whoever_has_nothing_to_do_is_woken_for_the_next_and_only_one_waits_for_it() -> None:
    calls = Calls()
    begun_by = []

    async def evaluate(one: Evaluation) -> None:
        begun_by.append(asyncio.current_task())
        await calls.evaluate(one)

    at_once, later = [evaluation("a"), evaluation("b"), evaluation("c")], [evaluation("d"), evaluation("e")]
    async with anyio.create_task_group() as tasks:
        lane = Lane(tasks, 3, evaluate)
        lane.add(at_once)
        await settles(lambda: calls.begun == at_once)
        for one in at_once:
            calls.end(one)
        await settles(lambda: lane.quiet)

        lane.add(later)
        await settles(lambda: calls.begun == [*at_once, *later])
        assert not lane.quiet
        assert begun_by[3] in begun_by[:3]
        assert begun_by[4] not in begun_by[:3]
        for one in later:
            calls.end(one)
        lane.close()
