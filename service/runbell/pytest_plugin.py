"""What pytest finds: a fixture that runs the daemon on an embedded PostgreSQL. Loads nothing until a test asks."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from runbell.ops.trials import RunningDaemon, TrialServer


@pytest.fixture(scope="session")
def runbell_server() -> "Iterator[TrialServer]":
    """A private PostgreSQL, migrated, for the session; needs the extra `embedded`. It is gone with the process."""
    from runbell.ops.trials import trial_server

    with trial_server() as server:
        yield server


@pytest.fixture
def runbell_daemon(runbell_server: "TrialServer") -> "Iterator[Callable[..., RunningDaemon]]":
    """Starts daemons on a database of the test's own; what they are given is their sensors, and settings by name.

    Example:
        def test_the_chain(runbell_daemon):
            daemon = runbell_daemon(load_after_extract, retry_attempts=3)
            daemon.record(job_name="extract", run_id="r1")
            daemon.settle()
            assert [request["run_key"] for request in daemon.requests()] == ["r1"]
    """
    with runbell_server.trial() as trial:

        def start(*sensors: Any, **settings: Any) -> "RunningDaemon":
            return trial.start(*sensors, **settings)

        yield start
