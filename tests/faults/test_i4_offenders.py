"""I4: every way to hold up, end or exhaust a worker process, each beside sensors that behave: silent below a second."""

import os
import signal
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from runbell.core.heartbeats import SLOW_BEAT_SECONDS, STANDBY_BEAT_SECONDS
from support.daemons import record
from support.offenders import Beside, beside, heart_pauses, offender

pytestmark = [pytest.mark.alone, pytest.mark.timeout(120)]
PROMISED_SECONDS = 1.0


@dataclass(frozen=True)
class Offence:
    """What the offender's function does, and what must be logged over it."""

    body: str
    log: dict[str, object]
    plain: bool = False
    variables: dict[str, str] = field(default_factory=dict)
    # What its evaluation is called again for.
    tries: int = 1
    stack: str | None = None


BLOCKED = {"event": "worker_relieved", "reason": "blocked"}
FAILED = {"event": "sensor_evaluated", "outcome": "failed", "sensor": "offender"}
SHORT = {"RUNBELL_SENSOR_TIMEOUT_SECONDS": "1"}
TASK = """
async def nap():
    time.sleep(30)
await asyncio.create_task(nap())
"""
OUTLIVES = """
async def later():
    await asyncio.sleep(3)
    open({told!r}, "w").close()
    time.sleep(30)
asyncio.current_task().kept = asyncio.create_task(later())
"""
LEAK = """
for _ in range(40):
    threading.Thread(target=time.sleep, args=(600,)).start()
"""
GROW = """
kept = []
for _ in range(400):
    kept.append(bytearray(os.urandom(1)) * 4_000_000)
    time.sleep(0.02)
time.sleep(600)
"""
OFFENCES = {
    "time.sleep on the event loop": Offence("time.sleep(30)", BLOCKED, stack="sensors.py"),
    "an endless loop on the event loop": Offence("while True: pass", BLOCKED, stack="sensors.py"),
    "a task of its own that sleeps": Offence(TASK, BLOCKED, stack="in nap"),
    "a regular expression in a thread": Offence(
        "re.match('(a+)+b', 'a' * 40)", BLOCKED, plain=True, stack="sensors.py"
    ),
    "an endless loop in a thread": Offence(
        "while True: pass", {"event": "thread_abandoned", "sensor": "offender"}, plain=True, variables=SHORT
    ),
    "a thread that never returns": Offence(
        "threading.Event().wait()", {"event": "thread_abandoned", "sensor": "offender"}, plain=True, variables=SHORT
    ),
    "a coroutine that never returns": Offence("await asyncio.sleep(600)", FAILED, variables=SHORT),
    "a hundred thousand requests": Offence("return [dg.RunRequest() for _ in range(100_000)]", FAILED),
    "SystemExit": Offence("raise SystemExit(3)", FAILED),
    "KeyboardInterrupt": Offence("raise KeyboardInterrupt", FAILED, plain=True),
    "os._exit": Offence("os._exit(3)", {"event": "worker_died", "sensors": ["offender"]}),
    "a segmentation fault": Offence("ctypes.string_at(0)", {"event": "worker_died", "reason": "SIGSEGV"}),
    "memory": Offence(GROW, {"event": "worker_relieved"}, plain=True, variables={"RUNBELL_WORKER_MEMORY_MB": "200"}),
}


@pytest.mark.parametrize("name", list(OFFENCES))
async def test_i4_the_others_are_silent_for_less_than_a_second(database_url: str, tmp_path: Path, name: str) -> None:
    offence = OFFENCES[name]
    variables = {"RUNBELL_RETRY_ATTEMPTS": str(offence.tries), **offence.variables}
    async with beside(tmp_path, database_url, offender(offence.body, plain=offence.plain), **variables) as others:
        event_id = await record(others.session, "o1", job="offend")
        facts = dict(offence.log)
        logged = await others.event(str(facts.pop("event")), **facts)
        dead = await others.event("dead_letter_added", sensor="offender")
        silence = await others.longest_silence()
        code = others.served.end()

    print(f"\n{name}: the others were silent for {silence:.3f} s at most")
    assert dead["event_id"] == event_id
    assert offence.stack is None or offence.stack in str(logged["stack"])
    assert code == 0
    assert silence < PROMISED_SECONDS


@pytest.mark.parametrize("name", ["time.sleep on the event loop", "a regular expression in a thread"])
async def test_i4_also_of_an_offender_that_begins_after_a_quiet_time(
    database_url: str, tmp_path: Path, name: str
) -> None:
    """Hearts beat slowly then."""
    offence = OFFENCES[name]
    sensors = offender(offence.body, plain=offence.plain)
    async with beside(tmp_path, database_url, sensors, RUNBELL_RETRY_ATTEMPTS="1") as others:
        async with others.quiet(seconds=2.0):
            await record(others.session, "o1", job="offend")
        await others.event("worker_relieved")
        silence = await others.longest_silence()

    print(f"\n{name}, after a quiet time: the others were silent for {silence:.3f} s at most")
    assert silence < PROMISED_SECONDS


async def test_i4_also_of_a_task_that_outlives_its_call(database_url: str, tmp_path: Path) -> None:
    """No call runs any more when it begins to block, so hearts beat slowly."""
    told = tmp_path / "told"
    async with beside(tmp_path, database_url, offender(OUTLIVES.format(told=str(told)))) as others:
        async with others.quiet(seconds=0.0):
            await record(others.session, "o1", job="offend")
            await others.until(told.exists)
        relieved = await others.event("worker_relieved")
        silence = await others.longest_silence()

    print(f"\na task that outlives its call: the others were silent for {silence:.3f} s at most")
    assert "in later" in str(relieved["stack"])
    assert silence < PROMISED_SECONDS


async def test_i4_leaked_threads_cost_nobody_anything(database_url: str, tmp_path: Path) -> None:
    async with beside(tmp_path, database_url, offender(LEAK)) as others:
        for number in range(3):
            await record(others.session, f"o{number}", job="offend")
        relieved = await others.event("worker_relieved")
        await others.event("sensor_isolated", sensor="offender")
        silence = await others.longest_silence()
        code = others.served.end()

    print(f"\nleaked threads: the others were silent for {silence:.3f} s at most")
    assert relieved["sensors"] == ["offender"]
    assert "threads" in relieved["reason"]
    assert code == 0
    assert silence < PROMISED_SECONDS


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM])
async def test_i4_a_worker_that_is_killed_stopped_or_told_to_end_is_replaced(
    database_url: str, tmp_path: Path, number: signal.Signals
) -> None:
    async with beside(tmp_path, database_url, offender("pass")) as others:
        first = await others.event("worker_started", role="active")
        os.kill(first["pid"], number)
        await others.event("worker_promoted")
        silence = await others.longest_silence()
        isolated = others.served.events("sensor_isolated")

    print(f"\n{number.name}: the others were silent for {silence:.3f} s at most")
    assert isolated == []
    assert silence < PROMISED_SECONDS


@pytest.mark.parametrize("promoted", [False, True], ids=["first", "promoted"])
async def test_i4_also_of_a_worker_that_is_stopped_after_a_quiet_time(
    database_url: str, tmp_path: Path, promoted: bool
) -> None:
    """Hearts beat slowly then, and are looked at seldom; that of a stand-by more slowly still, until it is promoted."""
    async with beside(tmp_path, database_url, offender("pass")) as others:
        stopped = await others.event("worker_started", role="active")
        if promoted:
            standby = await others.event("worker_started", role="standby")
            await others.until(lambda: heart_pauses(standby["pid"]) == STANDBY_BEAT_SECONDS)
            os.kill(stopped["pid"], signal.SIGKILL)
            await others.event("worker_promoted")
            await others.until(lambda: len(others.served.events("worker_started")) == 3)
            stopped = standby
        async with others.quiet(seconds=2.0):
            assert heart_pauses(stopped["pid"]) == SLOW_BEAT_SECONDS
            os.kill(stopped["pid"], signal.SIGSTOP)
        await others.until(lambda: len(others.served.events("worker_promoted")) == 1 + promoted)
        silence = await others.longest_silence()

    print(f"\nSIGSTOP, after a quiet time, promoted {promoted}: the others were silent for {silence:.3f} s at most")
    assert silence < PROMISED_SECONDS


async def test_i4_an_offender_that_succeeds_apart_loses_nothing(database_url: str, tmp_path: Path) -> None:
    body = "time.sleep(0.7)\nreturn dg.RunRequest(run_key=context.dagster_run.run_id)"
    async with beside(tmp_path, database_url, offender(body), RUNBELL_RETRY_BACKOFF_SECONDS="0.1") as others:
        for number in range(5):
            await record(others.session, f"o{number}", job="offend")
        await others.event("sensor_isolated", sensor="offender")
        keys = await requested(others, 5)
        silence = await others.longest_silence()

    print(f"\na sensor that blocks for 0.7 s each time: the others were silent for {silence:.3f} s at most")
    assert keys == Counter({f"o{number}": 1 for number in range(5)})
    assert silence < PROMISED_SECONDS


async def requested(others: Beside, count: int) -> Counter[str]:
    """The run keys of the offender's requests, once there are so many."""
    question = "SELECT run_key FROM runbell.run_requests WHERE sensor_name = 'offender'"
    while len(rows := await others.session.fetch(question)) < count:
        await others.event("sensor_evaluated", sensor="offender", outcome="requested")
    return Counter(row["run_key"] for row in rows)
