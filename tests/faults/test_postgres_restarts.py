"""The server is restarted, crashes, is away for long, is forbidden to write, has no disk left (I1, I2).

`ROUNDS=10` repeats what is short here, `AWAY_SECONDS=300` keeps the database away for minutes, and
`FULL_SECONDS=60` its disk full.
"""

import inspect
import os
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import asyncpg
import pytest
import structlog

from runbell.ops.schema import migrate
from support import answering, postgres
from support.answering import called, once, twice
from support.daemons import record, running, until
from support.postgres import private_server, psql
from support.serving import serving
from support.writers import GENEROUS_SECONDS, answer_time, compare, writing

Session = asyncpg.Connection
pytestmark = pytest.mark.timeout(1800)
ROUNDS = int(os.environ.get("ROUNDS", "1"))
AWAY_SECONDS = float(os.environ.get("AWAY_SECONDS", "10"))
FULL_SECONDS = float(os.environ.get("FULL_SECONDS", "5"))


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_i1_i2_restarts_under_load(mode: postgres.StopMode) -> None:
    silences: list[float] = []
    with private_server(synchronous_commit="on") as server:
        url = server.url("postgres")
        await migrate(url)
        async with running(url, once, twice), writing(url) as writers:
            for turn in range(3 * ROUNDS):
                least = len(writers.committed) + 30
                await until(lambda least=least: enough(writers.committed, least))
                await anyio.to_thread.run_sync(server.restart, mode)
                silences.append(await answer_time(url, time.monotonic(), f"after{turn}"))
        async with running(url, once, twice):
            events = await compare(url, writers.committed)
    print(f"\n{mode}: events {events}, silences after the return {[round(s, 3) for s in silences]} s")

    assert max(silences) < GENEROUS_SECONDS


async def enough(committed: set[str], least: int) -> bool:
    return len(committed) >= least


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_i1_i2_a_database_that_is_away_for_long_is_waited_for(tmp_path: Path, mode: postgres.StopMode) -> None:
    """The real process; it says what it waits for once, not ten times a second."""
    with private_server(synchronous_commit="on") as server:
        url = server.url("postgres")
        await migrate(url)
        with serving(tmp_path, url, sensors=inspect.getsource(answering)) as serve:
            await anyio.to_thread.run_sync(serve.until, "daemon_started")
            async with writing(url) as writers:
                await until(lambda: enough(writers.committed, 50))
                await anyio.to_thread.run_sync(server.stop, mode)
                await anyio.sleep(AWAY_SECONDS)
                assert serve.process.poll() is None
                await anyio.to_thread.run_sync(server.start)
                silence = await answer_time(url, time.monotonic(), "after")
            events = await compare(url, writers.committed)
            lost, awaited = serve.events("database_lost"), serve.events("database_awaited")
            assert serve.end() == 0
    print(f"\n{mode}, away {AWAY_SECONDS:g} s: events {events}, answered {silence:.3f} s after the return")

    assert silence < GENEROUS_SECONDS
    # Once for each of the two processes, one of which stands by; and for each reason.
    assert 1 <= len(lost) <= 2
    assert 1 <= len(awaited) <= 8
    assert all(event["error"] for event in awaited)


@pytest.mark.parametrize("command", ["ALTER DATABASE postgres SET", "ALTER SYSTEM SET"])
async def test_a_database_that_may_only_be_read_is_waited_for(command: str) -> None:
    """As operators freeze a database before they move it; the setting is theirs and is not overruled."""
    with private_server(synchronous_commit="on") as server:
        url = server.url("postgres")
        await migrate(url)
        admin = await asyncpg.connect(url, server_settings={"default_transaction_read_only": "off"})
        async with running(url, once, twice) as daemon:
            await answer_time(url, time.monotonic(), "before")
            await admin.execute(f"{command} default_transaction_read_only = on")
            await admin.execute("SELECT pg_reload_conf()")
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'runbell%'"
            )
            await until(lambda: readiness(daemon), lambda ready: not ready)
            await record(admin, "frozen")
            await anyio.sleep(2)
            assert not daemon.ready
            await admin.execute(
                command.replace("ALTER SYSTEM SET", "ALTER SYSTEM RESET").replace("postgres SET", "postgres RESET")
                + " default_transaction_read_only"
            )
            await admin.execute("SELECT pg_reload_conf()")
            silence = await answer_time(url, time.monotonic(), "after")
            await compare(url, ["before", "frozen", "after"])
        await admin.close()
    print(f"\n{command}: answered {silence:.3f} s after it might write again")

    assert silence < GENEROUS_SECONDS


async def readiness(daemon: object) -> bool:
    return bool(daemon.ready)  # type: ignore[attr-defined]


@contextmanager
def small_disk(size: str) -> Iterator[Path]:
    """A file system of its own in memory; needs the right to mount."""
    folder = Path(tempfile.mkdtemp(prefix="runbell-disk-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.fail(f"this test mounts a small disk and may not ({mounted.stderr.strip()}): run it as root")
    try:
        folder.chmod(0o711)
        if postgres.SYSTEM_USER:
            shutil.chown(folder, user=postgres.SYSTEM_USER)
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
        folder.rmdir()


def fill(disk: Path) -> Path:
    """Take all that is free."""
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        try:
            while True:
                file.write(bytes(65536))
                file.flush()
        except OSError:
            return ballast


async def test_a_full_disk_is_waited_for_and_calls_nobody_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    called.clear()
    with small_disk("40M") as disk, private_server(synchronous_commit="on") as server:
        url = server.url("postgres")
        # The log of transactions lies elsewhere: full, the server would stop, as in the tests above.
        psql(url, f"CREATE TABLESPACE small LOCATION '{disk}'")
        psql(url, "ALTER DATABASE postgres SET default_tablespace = small")
        await migrate(url)
        session = await asyncpg.connect(url)
        refused = 0
        with structlog.testing.capture_logs() as logs:
            async with running(url, once, twice):
                await answer_time(url, time.monotonic(), "before")
                ballast = await anyio.to_thread.run_sync(fill, disk)
                # Until neither events nor answers find room.
                committed: list[str] = []
                while refused < 5:
                    run_id = f"full{len(committed)}"
                    try:
                        await record(session, run_id)
                        committed.append(run_id)
                    except asyncpg.DiskFullError:
                        refused += 1
                await anyio.sleep(FULL_SECONDS)
                ballast.unlink()
                silence = await answer_time(url, time.monotonic(), "after")
                await compare(url, [*committed, "before", "after"])
        await session.close()
    repeated = max(called.values())
    warned = Counter(entry["event"] for entry in logs if entry["log_level"] == "warning")
    print(
        f"\nfull for {FULL_SECONDS:g} s: events {len(committed)} beside {refused} refused, "
        f"answered {silence:.3f} s after there was room; "
        f"a function was called {repeated} times at most, warnings {dict(warned)}"
    )

    assert silence < GENEROUS_SECONDS
    assert repeated <= 2
    assert warned["commit_repeated"] <= 15 + 3 * FULL_SECONDS
