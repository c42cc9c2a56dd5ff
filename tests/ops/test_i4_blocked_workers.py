"""I4: what holds up or ends a worker process delays nobody else beyond a second. More of it in `tests/faults`."""

import os
import signal
from pathlib import Path

import anyio

from support.daemons import evaluations, record
from support.offenders import beside, offender

ONE_TRY = {"RUNBELL_RETRY_ATTEMPTS": "1"}
# Default tests bound generously: other tests use the machine too. What is promised is less than a second.
GENEROUS_SECONDS = 2.0


async def test_i4_a_sleep_on_the_event_loop_is_relieved_and_ends_as_a_dead_letter(
    database_url: str, tmp_path: Path
) -> None:
    async with beside(tmp_path, database_url, offender("time.sleep(30)"), **ONE_TRY) as others:
        event_id = await record(others.session, "o1", job="offend")
        relieved = await others.event("worker_relieved")
        dead = await others.event("dead_letter_added")
        silence = await others.longest_silence()
        rows = await evaluations(others.session)
        code = others.served.end()

    print(f"\nthe others were silent for {silence:.3f} s at most")
    assert silence < GENEROUS_SECONDS
    assert (relieved["reason"], relieved["sensors"], relieved["event_ids"]) == ("blocked", ["offender"], [event_id])
    assert "sensors.py:" in relieved["stack"][0]
    assert "sensors.py:" in dead["error"]
    assert (dead["sensor"], dead["event_id"]) == ("offender", event_id)
    assert [row["state"] for row in rows] == ["dead"]
    assert code == 0


async def test_i4_a_function_that_crashes_its_process_is_evaluated_apart(database_url: str, tmp_path: Path) -> None:
    async with beside(tmp_path, database_url, offender("ctypes.string_at(0)", plain=True), **ONE_TRY) as others:
        await record(others.session, "o1", job="offend")
        died = await others.event("worker_died")
        await others.event("sensor_isolated", sensor="offender")
        await others.event("dead_letter_added", sensor="offender")
        silence = await others.longest_silence()

    print(f"\nthe others were silent for {silence:.3f} s at most")
    assert silence < GENEROUS_SECONDS
    assert (died["reason"], died["sensors"]) == ("SIGSEGV", ["offender"])
    assert any("string_at" in frame for frame in died["stack"])


async def test_i4_a_killed_worker_is_replaced_at_once_and_nobody_is_blamed(database_url: str, tmp_path: Path) -> None:
    async with beside(tmp_path, database_url, offender("pass")) as others:
        first = await others.event("worker_started", role="active")
        os.kill(first["pid"], signal.SIGKILL)
        died = await others.event("worker_died")
        await others.event("worker_promoted")
        await others.until(lambda: len(others.served.events("worker_started")) >= 3)
        silence = await others.longest_silence()
        isolated = others.served.events("sensor_isolated")

    print(f"\nthe others were silent for {silence:.3f} s at most")
    assert silence < GENEROUS_SECONDS
    assert (died["reason"], isolated) == ("SIGKILL", [])


async def test_i4_a_killed_supervisor_leaves_no_workers(database_url: str, tmp_path: Path) -> None:
    async with beside(tmp_path, database_url, offender("pass")) as others:
        pids = [event["pid"] for event in others.served.events("worker_started")]
        os.kill(others.served.process.pid, signal.SIGKILL)
        with anyio.fail_after(5):
            while any(map(alive, pids)):
                await anyio.sleep(0.01)

    assert len(pids) == 2


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended and waits to be noticed does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
