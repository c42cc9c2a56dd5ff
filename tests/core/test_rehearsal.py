"""Whoever would send something can tell a rehearsal from the real thing, wherever a sensor's function runs."""

import asyncio

from anyio import to_thread

from runbell.core.rehearsal import Rehearsal, Unsent, rehearsed, rehearsing


def send(body: str) -> str:
    """What anything that sends does."""
    rehearsal = rehearsing()
    if rehearsal is None:
        return "sent"
    rehearsal.note(Unsent(to="mail", body=body))
    return "kept"


async def test_it_is_known_in_the_function_its_tasks_and_its_thread() -> None:
    async def from_a_task() -> str:
        return send("from a task")

    with rehearsed(Rehearsal()) as rehearsal:
        here = send("from the function")
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(from_a_task())
        thread = await to_thread.run_sync(send, "from a thread")

    assert [here, task.result(), thread, send("afterwards")] == [*["kept"] * 3, "sent"]
    assert [one.body for one in rehearsal.unsent] == ["from the function", "from a task", "from a thread"]


async def test_calls_beside_it_are_meant_in_earnest() -> None:
    inside, outside = asyncio.Event(), asyncio.Event()

    async def rehearse() -> Rehearsal:
        with rehearsed(Rehearsal()) as rehearsal:
            inside.set()
            await outside.wait()
            send("unsent")
        return rehearsal

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(rehearse())
        await inside.wait()
        beside = send("sent")
        outside.set()

    assert (beside, len(task.result().unsent)) == ("sent", 1)
