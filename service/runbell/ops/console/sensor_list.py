"""The list of sensors on the overview: which of them, in which order, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

from runbell.core.troubles import Trouble, troubles
from runbell.store.overview import SensorState

ROWS = 100
SHOWN = ("all", "attention", "behind", "failing", "dead", "stopped", "orphaned")
ORDERS = ("attention", "name", "lag")


@dataclass(frozen=True, slots=True)
class ListedSensor:
    """A sensor with what is wrong with it.

    Attributes:
        verdict: one word for how it is.
    """

    state: SensorState
    troubles: Sequence[Trouble]
    verdict: str


@dataclass(frozen=True, slots=True)
class SensorList:
    """One page of the list, and how many there are in all of each kind."""

    rows: Sequence[ListedSensor]
    matching: int
    page: int
    pages: int
    counts: dict[str, int]


def listed(state: SensorState) -> ListedSensor:
    """The sensor with what is wrong with it."""
    found = troubles(state)
    if not state.active:
        return ListedSensor(state, found, "stopped")
    if found:
        return ListedSensor(state, found, found[0].kind)
    return ListedSensor(state, found, "dead letters" if state.dead else "ok")


def list_page(
    states: Sequence[SensorState], *, part_of_name: str | None, shown: str, order: str, page: int
) -> SensorList:
    """A page of those sensors that are asked for; a page beyond the last one is the last one."""
    everyone = [listed(state) for state in states]
    counts = {kind: sum(_is(kind, sensor) for sensor in everyone) for kind in SHOWN}
    part = (part_of_name or "").casefold()
    chosen = [one for one in everyone if _is(shown, one) and part in one.state.sensor_name.casefold()]
    chosen.sort(key=_by_lag if order == "lag" else _by_name if order == "name" else _by_attention)
    pages = max(-(-len(chosen) // ROWS), 1)
    page = min(max(page, 1), pages)
    return SensorList(chosen[(page - 1) * ROWS : page * ROWS], len(chosen), page, pages, counts)


def _is(kind: str, sensor: ListedSensor) -> bool:
    state = sensor.state
    match kind:
        case "attention":
            return bool(sensor.troubles or state.dead)
        case "dead":
            return state.dead > 0
        case "stopped":
            return not state.active
        case "all":
            return True
    return any(trouble.kind == kind for trouble in sensor.troubles)


def _by_name(sensor: ListedSensor) -> tuple[object, ...]:
    return (sensor.state.sensor_name,)


def _by_lag(sensor: ListedSensor) -> tuple[object, ...]:
    return (-sensor.state.lag_seconds, -sensor.state.lag_events, sensor.state.sensor_name)


def _by_attention(sensor: ListedSensor) -> tuple[object, ...]:
    state = sensor.state
    return (-len(sensor.troubles), state.dead == 0, not state.active, -state.lag_seconds, state.sensor_name)
