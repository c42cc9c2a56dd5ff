"""Says in the log why what this process evaluates does not move, when that begins and when it ends.

While everything moves nothing is asked: only events that have been waiting in memory for a while make it look.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio
import anyio.to_thread
import structlog

from runbell.core.errors import RunbellError, StoreUnavailableError
from runbell.core.observations import BEHIND_SECONDS
from runbell.core.progress import Progress
from runbell.core.stalls import Cause, Stall, changed, explain
from runbell.engine.term import Term
from runbell.store.connections import Connection
from runbell.store.overview import DaemonState, list_daemons, read_sensor_states
from runbell.store.stalls import read_facts, read_server_facts

log = structlog.get_logger()
LOOK_SECONDS = 5.0
# However long a look takes: it is most of the time not looking.
SHARE = 20


@dataclass(frozen=True, slots=True)
class _Mark:
    """What was waiting at some moment: it still does until the sensor's place has passed so many evaluations."""

    passed: int
    since: float


class StallWatch:
    """Looks after the sensors that are held.

    Looking is done by a thread with a session and an event loop of its own: with a thousand sensors it takes longer
    than this loop may stand still, and a supervisor would blame whoever's function runs meanwhile.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[Connection]], term: Term, look_seconds: float = LOOK_SECONDS
    ) -> None:
        self._connect = connect
        self._term = term
        self._look_seconds = look_seconds
        self._marks: dict[Progress, _Mark] = {}
        self._known: list[Stall] = []

    async def run(self) -> None:
        """Look for ever; ends only with the term."""
        pause = self._look_seconds
        while True:
            await anyio.sleep(pause)
            began = anyio.current_time()
            if self._late(began) or self._known:
                await self._look()
            pause = max(self._look_seconds, SHARE * (anyio.current_time() - began))

    def _late(self, now: float) -> bool:
        """Has something been waiting for longer than it should? A sensor that is busy answers what waited before."""
        marks: dict[Progress, _Mark] = {}
        for held in self._term.held.values():
            progress = held.progress
            mark = self._marks.get(progress)
            if mark is None or progress.passed >= mark.passed:
                mark = _Mark(progress.passed + progress.pending, now)
            marks[progress] = mark
        self._marks = marks
        return any(now - one.since >= BEHIND_SECONDS and one.passed > at.passed for at, one in marks.items())

    async def _look(self) -> None:
        try:
            seen = await anyio.to_thread.run_sync(anyio.run, self._read, abandon_on_cancel=True)
        except StoreUnavailableError:
            # Whoever needs the database more than this says so.
            return
        except RunbellError as error:
            # Somebody put something there that it does not understand: answering goes on.
            log.warning("stalls_not_read", error=str(error))
            return
        held = self._term.held
        # What concerns this process: its own sensors, and what holds up everybody.
        found = [
            stall
            for stall in seen
            if (stall.sensor_name in held if stall.sensor_name else stall.cause is not Cause.NO_OWNER)
        ]
        came, went = changed(self._known, found)
        self._known = found
        for stall in came:
            log.warning(
                "sensor_stalled", sensor=stall.sensor_name, cause=stall.cause, said=stall.sentence, remedy=stall.remedy
            )
        for stall in went:
            log.info("sensor_moves_again", sensor=stall.sensor_name, cause=stall.cause)

    async def _read(self) -> list[Stall]:
        session = await self._connect()
        try:
            states = await read_sensor_states(session)
            daemons = [DaemonState.of(daemon) for daemon in await list_daemons(session)]
            return explain(await read_facts(session, states, daemons, await read_server_facts(session)))
        finally:
            session.terminate()
