"""What pytest finds: a fixture that runs the daemon on an embedded PostgreSQL. Loads nothing until a test asks."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from runbell.ops.trials import RunningDaemon, TrialServer


@pytest.fixture(scope="session")
def runbell_server() -> "Iterator[TrialServer]":
    """A private PostgreSQL, migrated, for the session; needs the extra `embedded`. It is gone with the process.

    Yields:
        TrialServer: what `runbell_daemon` takes a database of its own from for each test; tests seldom ask for it.

    Raises:
        SettingsError: the extra `embedded` is not installed.
        StoreUnavailableError: the server does not start, with what it says.
    """
    from runbell.ops.trials import trial_server

    with trial_server() as server:
        yield server


@pytest.fixture
def runbell_daemon(runbell_server: "TrialServer") -> "Iterator[Callable[..., RunningDaemon]]":
    """Starts daemons on a database of the test's own. They are stopped, and the database is dropped, behind the test.

    Yields:
        `runbell_daemon(*sensors, **settings)`, which returns a `RunningDaemon` that misses nothing from then on. Its
        `record(**happened)` gives the event's id, `settle(seconds=20.0)` returns when everything has been answered,
        `requests()` and `dead_letters()` are lists of rows, `url` is the database's. The sensors are those that it
        evaluates, the settings those of `serve` by name, in lower case and without `RUNBELL_`.

    Raises:
        TypeError: there is no such setting.
        TimeoutError: from `settle`; it names the sensors that are not done.
        SettingsError: the extra `embedded` is not installed.

    Example:
        import runbell

        @runbell.run_status_sensor("SUCCESS", monitored_jobs=["extract"], request_job="load")
        def load_after_extract(context):
            return runbell.RunRequest(run_key=context.dagster_run.run_id)

        def test_the_chain(runbell_daemon):
            daemon = runbell_daemon(load_after_extract, retry_attempts=3)
            daemon.record(job_name="extract", run_id="r1", status="SUCCESS")
            daemon.settle()
            assert [request["run_key"] for request in daemon.requests()] == ["r1"]
    """
    with runbell_server.trial() as trial:

        def start(*sensors: Any, **settings: Any) -> "RunningDaemon":
            return trial.start(*sensors, **settings)

        yield start
