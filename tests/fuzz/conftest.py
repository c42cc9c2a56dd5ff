"""Two processes may run these tests: each has a server of its own, whose queue of notifications may be flooded."""

from collections.abc import Iterator

import pytest

from support import databases, postgres


@pytest.fixture(scope="session")
def server() -> Iterator[postgres.Server]:
    with postgres.guarded_folder() as folder:
        yield databases.shared_server(folder)
