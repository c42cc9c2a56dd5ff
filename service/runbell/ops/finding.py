"""Finds what an operator names: a sensor as it stands, a moment as it was written."""

import time
from difflib import get_close_matches

from runbell.core.errors import SettingsError
from runbell.core.moments import moment_of
from runbell.store.connections import Session
from runbell.store.overview import SensorState, read_sensor_states


async def find_sensor(session: Session, sensor_name: str) -> SensorState:
    """How the sensor of this name stands.

    Raises:
        SettingsError: there is none; names one that may be meant.
    """
    (state,) = await find_sensors(session, [sensor_name])
    return state


async def find_sensors(session: Session, names: list[str]) -> list[SensorState]:
    """How the sensors of these names stand.

    Raises:
        SettingsError: there is none of some name; names one that may be meant.
    """
    states = {state.sensor_name: state for state in await read_sensor_states(session)}
    for name in names:
        if name not in states:
            meant = get_close_matches(name, states, n=1, cutoff=0.6)
            rest = f": did you mean {meant[0]!r}?" if meant else ": `runbell sensors list` shows those that there are"
            raise SettingsError(f"there is no sensor {name!r}{rest}")
    return [states[name] for name in dict.fromkeys(names)]


def read_moment(option: str, written: str | None) -> float | None:
    """The moment of an option, in seconds since 1970.

    Raises:
        SettingsError: it is none.
    """
    try:
        return None if written is None else moment_of(written, time.time())
    except ValueError as error:
        raise SettingsError(f"{option}: {error}") from None
