"""Reads how sensors and requests stand, for scrapes: never often, never for long, kept while the database is away."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import anyio
import anyio.to_thread
import structlog

from runbell.core.errors import RunbellError
from runbell.core.stalls import Stall
from runbell.engine.doorbell import Doorbell
from runbell.ops.histograms import BUCKETS, Histogram
from runbell.ops.overview import read_overview
from runbell.store import connections
from runbell.store.launches import count_launches, read_queue_age
from runbell.store.listings import Listed
from runbell.store.overview import SensorState

log = structlog.get_logger()
# However often somebody scrapes: so long lies between two reads, and so many times as long as a read took.
FRESH_SECONDS = 5.0
SHARE = 20
# A read that takes longer than a scrape waits for goes on, and is what the next scrape gets.
SCRAPE_WAITS_SECONDS = 2.0
READ_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How sensors and requests stood when they were read; empty when they never could be.

    Attributes:
        sensors: those of this process.
        everyone: all that the database knows.
        read_at: when, in seconds since 1970; None: never.
        failure: why it could not be read since then.
        queue_age_seconds: how long the oldest request has been there for a launcher to take.
        launches: how long launching took, of all that was launched since the first read.
        stalls: what does not move, and why.
    """

    sensors: Sequence[SensorState] = ()
    requests: Mapping[str, int] = field(default_factory=dict)
    everyone: Sequence[SensorState] = ()
    daemons: Sequence[Listed] = ()
    read_at: float | None = None
    failure: str | None = None
    queue_age_seconds: float = 0.0
    launches: Histogram = field(default_factory=Histogram)
    stalls: Sequence[Stall] = ()


class StandingReader:
    """Reads when it is asked to.

    Attributes:
        last: what was read last.
    """

    def __init__(self, database_url: str, sensor_names: Collection[str]) -> None:
        self._url = database_url
        # As they are when it is read: they may be known only later.
        self._names = sensor_names
        self._asked = Doorbell()
        self._done = anyio.Event()
        self._next_read = 0.0
        self._launched_until: datetime | None = None
        self.last = Standing()

    async def current(self) -> Standing:
        """How things stand: read now, or what was read last if that was just now or nothing better is to be had."""
        if anyio.current_time() >= self._next_read:
            self._asked.ring()
            with anyio.move_on_after(SCRAPE_WAITS_SECONDS):
                await self._done.wait()
        return self.last

    async def run(self) -> None:
        """Read whenever somebody asks, for ever."""
        while True:
            await self._asked.wait()
            began = anyio.current_time()
            await self._try()
            ended = anyio.current_time()
            self._next_read = ended + max(FRESH_SECONDS, SHARE * (ended - began))
            self._done.set()
            self._done = anyio.Event()

    async def _try(self) -> None:
        try:
            # On an event loop and a thread of its own: with a thousand sensors, working out who waits for which event
            # takes longer than anybody should wait here. A thread that is abandoned ends with its own deadline.
            self.last = await anyio.to_thread.run_sync(anyio.run, self._read, abandon_on_cancel=True)
        except (RunbellError, TimeoutError) as error:
            reason = str(error) or "the database takes too long"
            if self.last.failure is None:
                log.warning("metrics_not_read", error=reason)
            self.last = replace(self.last, failure=reason)

    async def _read(self) -> Standing:
        with anyio.fail_after(READ_SECONDS):
            session = await connections.connect(self._url, role="metrics")
            try:
                found = await read_overview(session)
                return Standing(
                    sensors=[s for s in found.sensors if s.sensor_name in self._names],
                    requests=found.requests,
                    everyone=found.sensors,
                    daemons=found.daemons,
                    stalls=found.stalls,
                    queue_age_seconds=await read_queue_age(session),
                    launches=await self._count_launches(session),
                    read_at=time.time(),
                )
            finally:
                session.terminate()

    async def _count_launches(self, session: connections.Session) -> Histogram:
        """What was counted before, and what has been launched since then."""
        found = await count_launches(session, self._launched_until, BUCKETS)
        self._launched_until = found.until
        before = self.last.launches
        launches = Histogram(list(before.counts), before.total_seconds)
        launches.add(found.counts, found.seconds)
        return launches
