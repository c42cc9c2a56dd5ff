"""`serve` loads changed sensors without a restart: on SIGHUP, or with `--reload` when a file changes."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import asyncpg
import pytest

from support.daemons import record, requested_keys, until
from support.serving import Serving, serving

Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

OLD = """
import asyncio
import pathlib
import runbell


@runbell.run_status_sensor(run_status="SUCCESS", request_job="next")
async def answer(context):
    if context.dagster_run.run_id.startswith("slow"):
        pathlib.Path("begun").touch()
        await asyncio.sleep(3)
    return runbell.RunRequest(run_key="old " + context.dagster_run.run_id)


@runbell.run_status_sensor(run_status="FAILURE", request_job="next")
def goes(context):
    pass


@runbell.run_status_sensor(run_status="QUEUED", request_job="next")
def stays(context):
    pass
"""
NEW = OLD.replace('"old "', '"new "').replace("def goes", "def comes")


@pytest.fixture
def served(tmp_path: Path, database_url: str, request: pytest.FixtureRequest) -> Iterator[Serving]:
    with serving(tmp_path, database_url, *getattr(request, "param", ()), sensors=OLD) as process:
        process.until("daemon_started")
        yield process


async def logged(served: Serving, name: str, count: int = 1) -> list[dict]:
    async def look() -> list[dict]:
        return served.events(name)

    return await until(look, lambda events: len(events) >= count, every=0.05)


async def test_what_runs_finishes_with_the_old_code_and_what_comes_has_the_new(
    served: Serving, tmp_path: Path, connection: Session
) -> None:
    await record(connection, "slow1")

    async def begun() -> bool:
        return (tmp_path / "begun").exists()

    await until(begun)
    (tmp_path / "sensors.py").write_text(NEW)
    served.process.send_signal(signal.SIGHUP)

    (reloaded,) = await logged(served, "sensors_reloaded")
    await until(lambda: requested_keys(connection), ["old slow1"].__eq__)
    await record(connection, "r2")
    await until(lambda: requested_keys(connection), ["new r2", "old slow1"].__eq__)

    assert {name: reloaded[name] for name in ("added", "removed", "changed", "sensors")} == {
        "added": ["comes"],
        "removed": ["goes"],
        "changed": ["answer"],
        "sensors": 3,
    }
    assert served.end() == 0
    assert served.errors == ""
    evaluated = [event["run_id"] for event in served.events("sensor_evaluated")]
    assert sorted(evaluated) == ["r2", "slow1"]


async def test_a_set_that_does_not_load_changes_nothing_and_the_next_one_does(
    served: Serving, tmp_path: Path, connection: Session
) -> None:
    (tmp_path / "sensors.py").write_text(NEW + "\nraise ValueError('half written')\n")
    served.process.send_signal(signal.SIGHUP)
    (failed,) = await logged(served, "sensors_reload_failed")
    await record(connection, "r1")
    await until(lambda: requested_keys(connection), ["old r1"].__eq__)

    (tmp_path / "sensors.py").write_text(NEW)
    served.process.send_signal(signal.SIGHUP)
    await logged(served, "sensors_reloaded")
    await record(connection, "r2")
    await until(lambda: requested_keys(connection), ["new r2", "old r1"].__eq__)

    assert "half written" in failed["error"]
    assert served.end() == 0


@pytest.mark.parametrize("served", [("--reload",)], indirect=True)
async def test_a_changed_file_is_enough(served: Serving, tmp_path: Path, connection: Session) -> None:
    (tmp_path / "sensors.py").write_text(NEW)

    await logged(served, "sensors_reloaded")
    await record(connection, "r1")
    await until(lambda: requested_keys(connection), ["new r1"].__eq__)
    assert served.end() == 0


ONCE = """
import pathlib
if pathlib.Path("loaded").exists():
    raise ValueError("only once")
pathlib.Path("loaded").touch()
"""


@pytest.mark.parametrize("served", [("--workers", "2")], indirect=True)
async def test_a_set_that_not_all_workers_can_load_is_taken_by_none(
    served: Serving, tmp_path: Path, connection: Session
) -> None:
    (tmp_path / "sensors.py").write_text(NEW + ONCE)
    served.process.send_signal(signal.SIGHUP)
    (failed,) = await logged(served, "sensors_reload_failed")
    roles = "SELECT string_agg(role, ' ' ORDER BY role) FROM runbell.daemons"
    await until(lambda: connection.fetchval(roles), "active active standby".__eq__)
    for number in range(10):
        await record(connection, f"r{number}")
    await until(lambda: requested_keys(connection), lambda keys: len(keys) == 10)

    assert "only once" in failed["error"]
    assert all(key.startswith("old ") for key in await requested_keys(connection))
    # The next one is not told that it has failed when the one that could load it ends.
    (tmp_path / "sensors.py").write_text(NEW)
    served.process.send_signal(signal.SIGHUP)
    await logged(served, "sensors_reloaded")
    assert served.end() == 0
    assert len(served.events("sensors_reload_failed")) == 1
