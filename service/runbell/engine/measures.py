"""What the engine measures. Who exports it is the operator's side's business; nobody need listen."""


class Measures:
    """Takes every measurement and keeps none."""

    def evaluated(self, sensor: str, outcome: str) -> None:
        """An evaluation has been settled."""

    def requested(self, latency_seconds: float) -> None:
        """The requests of an event have been committed, so long after its status change."""

    def lost_database(self) -> None:
        """The database went away; a new term begins when it is back."""
