"""Counts in a worker process, and says at once to its supervisor what must not wait until it is asked."""

from runbell.engine.channel import Channel, Readiness
from runbell.ops.metrics import Metrics


class WorkerMetrics(Metrics):
    """Counts, and says at once when the database is gone: before the log does."""

    channel: Channel | None = None
    said_ready: bool = True

    def lost_database(self) -> None:
        """The database went away."""
        super().lost_database()
        self.say(ready=False)

    def say(self, *, ready: bool) -> None:
        """Tell the supervisor, if that is new."""
        if ready is not self.said_ready and self.channel is not None:
            self.said_ready = ready
            self.channel.send(Readiness(ready))
