"""Gives each test a database of its own on one server per session."""

import compileall
import signal
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import pytest
from hypothesis import Phase, settings

import runbell
from support import databases, postgres

FOLDER = pytest.StashKey[Path]()
# Whoever asks only whether a mechanism is missed needs no shortest example: that of the settling machine took minutes.
settings.register_profile("unshrunk", phases=[Phase.explicit, Phase.reuse, Phase.generate])


def pytest_configure(config: pytest.Config) -> None:
    # Whoever started the tests may have it ignored (nohup); `serve` would inherit that, and not reload.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    # The main process makes the folder and outlives the workers; which of them starts the server, if any, is open.
    given = getattr(config, "workerinput", {}).get("postgres_folder")
    if given is None:
        # Where PYTHONDONTWRITEBYTECODE is set, each process that tests start would compile it anew: 0.57 in place of
        # 0.34 s for a command.
        compileall.compile_dir(Path(runbell.__file__).parent, quiet=1)
        stack = ExitStack()
        given = stack.enter_context(postgres.guarded_folder())
        config.add_cleanup(stack.close)
    config.stash[FOLDER] = Path(given)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: object) -> None:
    node.workerinput["postgres_folder"] = str(node.config.stash[FOLDER])  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def server(pytestconfig: pytest.Config) -> postgres.Server:
    """The shared server. Do not stop it: `support.postgres.private_server` gives one to break."""
    return databases.shared_server(pytestconfig.stash[FOLDER])


@pytest.fixture
async def database_url(server: postgres.Server) -> AsyncIterator[str]:
    """A migrated database of the test's own."""
    async with databases.fresh_database(server, databases.TEMPLATE) as url:
        yield url


@pytest.fixture
async def empty_database_url(server: postgres.Server) -> AsyncIterator[str]:
    """A database of the test's own with nothing in it."""
    async with databases.fresh_database(server, "template1") as url:
        yield url


@pytest.fixture
async def connection(database_url: str) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    """A connection to the database of this test."""
    session = await asyncpg.connect(database_url)
    yield session
    await session.close()
