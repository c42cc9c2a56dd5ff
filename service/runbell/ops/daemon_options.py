"""What the engine is told of the settings."""

from typing import TYPE_CHECKING, Any

from runbell.engine.daemon import DaemonOptions
from runbell.ops.loading import LoadedSensors

if TYPE_CHECKING:
    from runbell.ops.settings import Settings


def daemon_options(settings: "Settings", loaded: LoadedSensors, **more: Any) -> DaemonOptions:
    """The options of a daemon with these sensors; `more` goes into them as it is."""
    return DaemonOptions(
        database_url=settings.database_url,
        listen_url=settings.listen_url,
        module=loaded.module,
        sensors=loaded.sensors,
        code_location=settings.code_location,
        default_running=settings.default_status == "RUNNING",
        sensor_timeout_seconds=settings.sensor_timeout_seconds,
        max_requests_per_evaluation=settings.max_requests_per_evaluation,
        max_chain_depth=settings.max_chain_depth,
        run_url=settings.run_url,
        retry_attempts=settings.retry_attempts,
        retry_backoff_seconds=settings.retry_backoff_seconds,
        shutdown_grace_seconds=settings.shutdown_grace_seconds,
        **more,
    )
