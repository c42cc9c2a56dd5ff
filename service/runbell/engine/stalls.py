"""Says in the log why what this process evaluates does not move, when that begins and when it ends.

While everything moves nothing is asked: only events that have been waiting in memory for a while make it look.
"""

import anyio
import structlog

from runbell.core.errors import StoreUnavailableError
from runbell.core.seen import BEHIND_SECONDS
from runbell.core.stalls import Cause, Stall, changed, explain
from runbell.engine.term import Term
from runbell.store.connections import Pool
from runbell.store.overview import DaemonState, list_daemons, read_sensor_states
from runbell.store.stalls import read_facts, read_server_facts

log = structlog.get_logger()
LOOK_SECONDS = 5.0
# However long a look takes: it is most of the time not looking.
SHARE = 20


class StallWatch:
    """Looks after the sensors that are held."""

    def __init__(self, pool: Pool, term: Term, look_seconds: float = LOOK_SECONDS) -> None:
        self._pool = pool
        self._term = term
        self._look_seconds = look_seconds
        self._waiting_since: dict[str, float] = {}
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
        """Has something been waiting all the time for longer than it should?"""
        waiting = {name for name, held in self._term.held.items() if held.progress.pending}
        self._waiting_since = {name: self._waiting_since.get(name, now) for name in waiting}
        return any(now - since >= BEHIND_SECONDS for since in self._waiting_since.values())

    async def _look(self) -> None:
        try:
            found = await self._stalls()
        except StoreUnavailableError:
            # Whoever needs the database more than this says so.
            return
        came, went = changed(self._known, found)
        self._known = found
        for stall in came:
            log.warning(
                "sensor_stalled", sensor=stall.sensor_name, cause=stall.cause, said=stall.sentence, remedy=stall.remedy
            )
        for stall in went:
            log.info("sensor_moves_again", sensor=stall.sensor_name, cause=stall.cause)

    async def _stalls(self) -> list[Stall]:
        """What concerns this process: its own sensors, and what holds up everybody."""
        states = await read_sensor_states(self._pool)
        daemons = [DaemonState.of(daemon) for daemon in await list_daemons(self._pool)]
        facts = await read_facts(self._pool, states, daemons, await read_server_facts(self._pool))
        held = self._term.held
        return [
            stall
            for stall in explain(facts)
            if (stall.sensor_name in held if stall.sensor_name else stall.cause is not Cause.NO_OWNER)
        ]
