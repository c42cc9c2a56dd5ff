"""What is observed in the database of how things move; `stalls` says what it means."""

from collections.abc import Sequence
from dataclasses import dataclass

# What is younger than this moves, or is about to.
BEHIND_SECONDS = 5.0
OPEN_SECONDS = 5.0
STATEMENT_SECONDS = 2.0
UNCLAIMED_SECONDS = 15.0
# What a sensor has done within this time tells how it does now.
LATELY_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorWork:
    """How a sensor stands and what it has done lately.

    Attributes:
        active: it is to run.
        owned: a daemon that counts as live holds its lease.
        apart: it is evaluated in a process of its own, because it blocked others.
        lag_events, lag_seconds: what lies beyond its place.
        evaluated, failed: its evaluations within LATELY_SECONDS, and those of them that failed; of the newest ticks.
        failing: the last one failed.
        settled_seconds: since the last was committed; None: none lately.
        running_seconds: since the longest running of those that its place has passed began; None: there is none.
        error: of an evaluation that waits or was given up.
    """

    sensor_name: str
    active: bool = True
    owned: bool = True
    apart: bool = False
    lag_events: int = 0
    lag_seconds: float = 0.0
    evaluated: int = 0
    failed: int = 0
    failing: bool = False
    settled_seconds: float | None = None
    running_seconds: float | None = None
    error: str | None = None

    @property
    def behind(self) -> bool:
        return self.active and self.lag_events > 0 and self.lag_seconds >= BEHIND_SECONDS


@dataclass(frozen=True, slots=True)
class EventWriter:
    """A transaction that has recorded status changes and has not ended: nobody can see them yet.

    Attributes:
        name: its process, or the name that it was prepared under.
        prepared: it has no process: somebody prepared it and went away.
    """

    name: str
    prepared: bool
    user_name: str | None
    application: str | None
    seconds: float


@dataclass(frozen=True, slots=True)
class SlowStatement:
    """A statement of Runbell's own that takes long; `blockers`: the processes whose locks it waits for."""

    pid: int
    role: str
    seconds: float
    blockers: Sequence[int]


@dataclass(frozen=True, slots=True)
class RequestQueue:
    """The requests for one target that a launcher could take now, and those that launchers hold."""

    target: str
    waiting: int
    oldest_seconds: float
    held: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What is seen.

    Attributes:
        daemons: processes that count as live and may hold leases.
        deaf: of all processes those that notifications do not reach, as `host:pid`.
        queue_usage: how full PostgreSQL's queue of notifications is, from 0 to 1.
    """

    sensors: Sequence[SensorWork]
    daemons: int
    deaf: Sequence[str] = ()
    queue_usage: float = 0.0
    writers: Sequence[EventWriter] = ()
    statements: Sequence[SlowStatement] = ()
    queues: Sequence[RequestQueue] = ()
