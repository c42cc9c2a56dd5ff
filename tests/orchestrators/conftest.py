"""A Dagster that launches and executes nothing, shared by the tests of a worker: loading it takes ten seconds."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from support.dagsters import Dagster, dagster
from support.doors import Door, door
from support.postgres import private_server
from support.processes import runbell

JOBS = Path(__file__).parent / "launched_jobs.py"


@pytest.fixture(scope="session")
def idle_dagster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dagster]:
    """Code server and webserver; runs stay queued. Runbell's schema is in the same database."""
    with private_server() as server, dagster(server, tmp_path_factory.mktemp("idle"), JOBS, daemon=False) as made:
        done = runbell("migrate", timeout=120, RUNBELL_DATABASE_URL=made.url)
        assert done.code == 0, done.stderr
        yield made


@pytest.fixture
async def queue(idle_dagster: Dagster) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """The database of both, without what other tests requested and launched."""
    session = await asyncpg.connect(idle_dagster.url)
    await session.execute("DELETE FROM runbell.run_requests; DELETE FROM runs")
    yield session
    await session.close()


@pytest.fixture
def entrance(idle_dagster: Dagster) -> Iterator[Door]:
    """A door to the webserver."""
    with door(idle_dagster.web_port) as made:
        yield made
