"""Moves a sensor's place: what would come of it, and doing it."""

from collections.abc import Mapping
from dataclasses import dataclass

from runbell.core.errors import SettingsError
from runbell.core.lags import Kind, is_narrowed, kind_matches
from runbell.core.places import Place
from runbell.ops.finding import find_sensor, read_moment
from runbell.store.connections import Connection
from runbell.store.cursors import Moment, count_between_places, lock_sensor, read_place_at, set_place
from runbell.store.overview import SensorState


@dataclass(frozen=True, slots=True)
class Move:
    """What a move comes to, in events that the sensor asks for: passed over, and brought back."""

    passed: int
    brought_back: int


def moment_written(where: str) -> Moment:
    """What an operator means by `now`, `beginning`, an event's id or a time.

    Raises:
        SettingsError: nothing that can be understood.
    """
    if where == "now":
        return Moment()
    if where == "beginning":
        # Rows put in by hand may have ids below one.
        return Moment(event_id=-(2**63))
    if where.isdecimal():
        if int(where) >= 2**63:
            raise SettingsError(f"{where} is no event's id: it is too large")
        return Moment(event_id=int(where))
    return Moment(recorded_at=read_moment("WHERE (now, beginning, an event's id or a time)", where))


async def propose(session: Connection, name: str, moment: Moment) -> Move:
    """What moving the sensor there would come to.

    Raises:
        SettingsError: there is no such sensor.
    """
    return await _counted(session, await find_sensor(session, name), await read_place_at(session, moment))


async def move(session: Connection, name: str, moment: Moment) -> Move:
    """Move it, from wherever it stands when no settlement is under way; what that has come to.

    Raises:
        SettingsError: there is no such sensor any more.
    """
    async with session.transaction():
        if not await lock_sensor(session, name):
            raise SettingsError(f"there is no sensor {name!r} any more")
        # Each in a statement of its own, begun after the lock was got: they see what was settled before.
        state = await find_sensor(session, name)
        place = await read_place_at(session, moment)
        await set_place(session, name, place)
    return await _counted(session, state, place)


async def _counted(session: Connection, state: SensorState, new: Place) -> Move:
    place = None if state.reader is None else state.reader.place
    between = await count_between_places(session, place, new, narrowed=is_narrowed([state.filter]))
    return Move(_asked_for(state, between.passed), _asked_for(state, between.brought_back))


def _asked_for(state: SensorState, counts: Mapping[Kind, int]) -> int:
    return sum(count for kind, count in counts.items() if kind_matches(kind, state.filter, state.sensor_name))
