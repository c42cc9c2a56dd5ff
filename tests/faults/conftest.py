"""These suites are read as they run: of the daemons' own log only warnings are shown between the figures."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from support import databases, postgres


@pytest.fixture(autouse=True)
def _quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    """One of its own for each process that runs tests: many of these look at all sessions of it, or end them."""
    with postgres.guarded_folder() as folder:
        yield databases.shared_server(folder)
