"""One sensor in full, as a page of text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from runbell.core.errors import SettingsError
from runbell.core.stalls import Stall
from runbell.ops.finding import find_sensor
from runbell.ops.overview import read_overview
from runbell.ops.watching import said_filter, said_narrowing
from runbell.store.connections import Session
from runbell.store.listings import Listed
from runbell.store.overview import SensorState, filter_of, show_sensor
from runbell.store.ticks import list_ticks

TICKS = 5


@dataclass(frozen=True, slots=True)
class SensorPage:
    """A sensor as it stands, what is stored of it, its newest ticks, and why it does not move if it does not."""

    state: SensorState
    shown: Listed
    ticks: Sequence[Listed]
    stalls: Sequence[Stall]

    def text(self) -> str:
        """The page."""
        cells: Mapping[str, Any] = self.shown.cells
        wanted = filter_of(cells["filter"])
        lines = [
            ("state", _state(cells)),
            ("watches", said_filter(wanted)),
            *([("only", said_narrowing(wanted))] if wanted.narrowing else []),
            ("module", cells["module"] + (f" of {cells['code_location']}" if cells["code_location"] else "")),
            ("deployed", cells["deployed_at"]),
            ("evaluated by", _holder(self.state, cells)),
            ("behind", _lag(self.state)),
            ("waiting", f"{cells['retrying']} evaluations to be tried again, {cells['dead']} dead letters"),
            ("requests", _requests(cells["requests"])),
            ("last", f"{cells['last_outcome']} at {cells['last_evaluated_at']}" if cells["last_outcome"] else "never"),
        ]
        shown = [cells["sensor_name"], *(f"  {name:<13} {text}" for name, text in lines)]
        for stall in self.stalls:
            shown += ["", f"! {stall.sentence}", f"  {stall.remedy}"]
        if self.ticks:
            shown += ["", *map(_tick, self.ticks)]
        return "\n".join(shown)


async def read_sensor_page(session: Session, name: str) -> SensorPage:
    """Read all of it.

    Raises:
        SettingsError: there is no such sensor.
    """
    await find_sensor(session, name)
    overview = await read_overview(session)
    shown = await show_sensor(session, name)
    state = next((sensor for sensor in overview.sensors if sensor.sensor_name == name), None)
    if shown is None or state is None:
        raise SettingsError(f"there is no sensor {name!r} any more")
    # What concerns everybody concerns this one too.
    stalls = [stall for stall in overview.stalls if stall.sensor_name in {None, name}]
    return SensorPage(state, shown, await list_ticks(session, name, TICKS), stalls)


def _state(cells: Mapping[str, Any]) -> str:
    comes_to = "running" if cells["active"] else "stopped"
    whose = "as its code and the settings say" if cells["state"] == "declared" else "by an operator"
    return f"{comes_to}, {whose}" + ("" if cells["position"] else "; it has never been started")


def _holder(state: SensorState, cells: Mapping[str, Any]) -> str:
    if cells["holder_pid"] is None:
        return "nobody" + ("; its module is deployed without it" if state.orphaned else "")
    apart = ", in a process of its own, because it blocked others" if cells["apart"] else ""
    return f"process {cells['holder_pid']} on {cells['holder_hostname']}, epoch {cells['lease_epoch']}{apart}"


def _lag(state: SensorState) -> str:
    if not state.lag_events:
        return "nothing waits"
    return f"{state.lag_events:,} events wait, the oldest for {state.lag_seconds:.1f} s"


def _requests(counted: str) -> str:
    counts: dict[str, int] = msgspec.json.decode(counted)
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "none"


def _tick(tick: Listed) -> str:
    cells: Mapping[str, Any] = tick.cells
    outcomes = [f"{cells[name]} {name}" for name in ("requested", "acted", "skipped", "failed") if cells[name]]
    first, last = cells["first_event_id"], cells["last_event_id"]
    events = f"event {first}" if first == last else f"events {first} to {last}"
    said = (cells["said"] or "").strip().splitlines()
    return f"  {cells['settled_at'][:19]}  {events}: {', '.join(outcomes)}" + (f" ({said[-1]})" if said else "")
