"""Has a sensor evaluate recorded events once more: which those are, and putting them before it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from runbell.core.errors import SettingsError
from runbell.core.lags import kind_matches
from runbell.ops.finding import find_sensor
from runbell.store.connections import Connection
from runbell.store.overview import SensorState
from runbell.store.replaying import Recorded, add_replays, draw_replay, find_events

# So many are looked at, and put before a sensor, by one statement.
AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Replay:
    """What was found: the sensor, and the events that it asks for."""

    sensor: SensorState
    event_ids: list[int]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What was done: so many are evaluated once more. `number`: of a replay that makes new requests, else zero."""

    number: int
    events: int


async def find_replay(session: Connection, name: str, recorded: Recorded) -> Replay:
    """The events of a time, or of these ids, that a sensor asks for.

    Raises:
        SettingsError: there is no such sensor, or it asks for none of the events that were named.
    """
    sensor = await find_sensor(session, name)
    ids = [event_id async for event_id in matching_events(session, sensor, recorded)]
    missing = sorted(set(recorded.event_ids or ()) - set(ids))
    if missing:
        raise SettingsError(f"event {missing[0]} is none that {name} asks for: it is not there, or of another kind")
    return Replay(sensor, ids)


async def matching_events(session: Connection, sensor: SensorState, recorded: Recorded) -> AsyncIterator[int]:
    """The ids of the recorded events that a sensor asks for, by the filter that it is deployed with."""
    after = -(2**63)
    while True:
        page = await find_events(session, recorded, sensor.filter.statuses, after=after, count=AT_ONCE)
        for event_id, kind in page:
            if kind_matches(kind, sensor.filter, sensor.sensor_name):
                yield event_id
        if len(page) < AT_ONCE:
            return
        after = page[-1][0]


async def replay_events(session: Connection, found: Replay, *, new_requests: bool) -> Replayed:
    """Put them before the sensor; each is called as soon as it has room for it."""
    number = await draw_replay(session) if new_requests else 0
    events = 0
    for start in range(0, len(found.event_ids), AT_ONCE):
        ids = found.event_ids[start : start + AT_ONCE]
        events += len(await add_replays(session, found.sensor.sensor_name, ids, number))
    return Replayed(number, events)
