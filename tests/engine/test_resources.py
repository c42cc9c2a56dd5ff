"""Resources in a running daemon: where they are set up, and what becomes of those that cannot be."""

import contextlib
import threading
import time

import anyio
import asyncpg

from runbell import RetryPolicy, RunRequest, run_status_sensor
from runbell.core.binding import bound
from support.daemons import evaluations, record, requested_keys, running, until

Session = asyncpg.Connection


async def test_resources_are_set_up_and_torn_down_for_each_evaluation(database_url: str, connection: Session) -> None:
    lives: list[str] = []

    @contextlib.contextmanager
    def in_a_thread():
        # As sqlite3 wants it: used and closed by the thread that opened it.
        ident = threading.get_ident()
        yield lambda: threading.get_ident() == ident
        lives.append(f"left by its own thread: {threading.get_ident() == ident}")

    async def on_the_loop():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.sleep, 0)
            yield "alive"
        lives.append("left on the loop")

    @run_status_sensor("SUCCESS", request_job="j")
    def plain(context, same: object, loop: str):
        yield RunRequest(run_key=f"plain {same()} {loop}")

    @run_status_sensor("SUCCESS", request_job="j")
    async def waits(context, same: object, loop: str):
        return RunRequest(run_key=f"async {same()} {loop}")

    declared = {"same": in_a_thread, "loop": on_the_loop}
    async with running(database_url, bound(plain, declared), bound(waits, declared)):
        await record(connection, "r1")
        keys = await until(lambda: requested_keys(connection), lambda keys: len(keys) == 2)

    assert keys == ["async False alive", "plain True alive"]
    assert lives.count("left on the loop") == 2
    assert "left by its own thread: True" in lives


async def test_i4_a_set_up_that_blocks_holds_up_nobody(database_url: str, connection: Session) -> None:
    release = threading.Event()

    def slow():
        release.wait(10)
        yield "late"

    @run_status_sensor("SUCCESS", request_job="j")
    async def waits(context, slow: str):
        return RunRequest(run_key=slow)

    @run_status_sensor("SUCCESS", request_job="j")
    async def quick(context):
        return RunRequest(run_key="quick")

    async with running(database_url, bound(waits, {"slow": slow}), quick):
        await record(connection, "r1")
        await until(lambda: requested_keys(connection), ["quick"].__eq__)
        release.set()
        await until(lambda: requested_keys(connection), ["late", "quick"].__eq__)


async def test_a_set_up_that_fails_is_retried_and_is_the_failure_of_that_evaluation_alone(
    database_url: str, connection: Session
) -> None:
    tries: list[float] = []

    def database():
        tries.append(time.monotonic())
        if len(tries) < 3:
            raise OSError("connection refused")
        yield "connected"

    @run_status_sensor("SUCCESS", request_job="j", retry=RetryPolicy(attempts=5, backoff_seconds=0.01))
    def load(context, database: str):
        return RunRequest(run_key=database)

    @run_status_sensor("SUCCESS", request_job="j", retry=RetryPolicy(attempts=1))
    def never(context, missing: str): ...

    async with running(database_url, bound(load, {"database": database}), never):
        await record(connection, "r1")
        await until(lambda: requested_keys(connection), ["connected"].__eq__)
        (dead,) = await until(lambda: evaluations(connection), lambda rows: [row["state"] for row in rows] == ["dead"])

    assert len(tries) == 3
    assert (dead["sensor_name"], dead["attempts"]) == ("never", 1)
    assert "nobody declares it" in dead["error"]


async def test_the_time_of_set_up_and_tear_down_counts(database_url: str, connection: Session) -> None:
    left: list[str] = []

    async def endless():
        try:
            await anyio.sleep_forever()
            yield
        finally:
            left.append("left")

    @run_status_sensor("SUCCESS", timeout_seconds=0.2, retry=RetryPolicy(attempts=1))
    def plain(context, endless: str): ...

    @run_status_sensor("SUCCESS", timeout_seconds=0.2, retry=RetryPolicy(attempts=1))
    async def waits(context, endless: str): ...

    async with running(database_url, bound(plain, {"endless": endless}), bound(waits, {"endless": endless})):
        await record(connection, "r1")
        rows = await until(lambda: evaluations(connection), lambda rows: len(rows) == 2)

    assert all("TimeoutError" in row["error"] for row in rows)
    assert left == ["left", "left"]


async def test_a_sensor_that_asks_for_none_may_look_at_values(database_url: str, connection: Session) -> None:
    @run_status_sensor("SUCCESS", request_job="j")
    async def waits(context):
        return RunRequest(run_key=f"async {context.resources.channel}")

    @run_status_sensor("SUCCESS", request_job="j")
    def plain(context):
        return RunRequest(run_key=f"plain {context.resources.channel} {hasattr(context.resources, 'missing')}")

    declared = {"channel": "#alerts"}
    async with running(database_url, bound(waits, declared), bound(plain, declared)):
        await record(connection, "r1")
        await until(lambda: requested_keys(connection), ["async #alerts", "plain #alerts False"].__eq__)
