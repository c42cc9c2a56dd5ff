"""For `check`: what differs for sensors that Dagster's own decorators made, and who answers them today."""

import inspect
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from runbell.core.answering import DagsterState, answering
from runbell.core.errors import RunbellError
from runbell.core.sensors import DefaultSensorStatus, Sensor, innermost
from runbell.ops.asking import ask
from runbell.ops.loading import LoadedSensors
from runbell.sources.dagster.instance import SHARED, home
from runbell.sources.dagster.states import read_states
from runbell.store.sensors import read_sensor_settings

if TYPE_CHECKING:
    from runbell.ops.settings import Settings


@dataclass(slots=True)
class BothStates:
    """What is known of the states on either side.

    Attributes:
        theirs: Dagster's; None: it was not asked.
        ours: by identity, what operators have decided here.
        sentences: what else is worth saying.
    """

    theirs: list[DagsterState] | None = None
    ours: dict[str, str] = field(default_factory=dict)
    sentences: list[str] = field(default_factory=list)


def read_both(loaded: LoadedSensors, settings: "Settings") -> BothStates:
    """Ask Dagster's instance, if there is one, and then our database, if there is a URL of it."""
    states = BothStates()
    if loaded.left:
        states.sentences.append(f"left to Dagster: {', '.join(loaded.left)}")
    if loaded.unlisted:
        states.sentences.append(f"in no Definitions, and so evaluated by nobody: {', '.join(loaded.unlisted)}")
    if home() is None or find_spec("dagster") is None:
        if loaded.has_native:
            states.sentences.append(
                "DAGSTER_HOME is not set: `runbell serve` needs it for sensors that Dagster's own decorators made, and"
                " whether Dagster's daemon answers them too was not looked at"
            )
        return states
    states.theirs = _theirs(states.sentences)
    if settings.database_url:
        try:
            states.ours = ask(settings.database_url, read_sensor_settings)
        except RunbellError as error:
            states.sentences.append(f"what has been started or stopped here was not looked at: {error}")
    return states


def compared(row: dict[str, Any], sensor: Sensor, settings: "Settings", states: BothStates) -> dict[str, Any]:
    """The row of a sensor with what Dagster's tables say of it added."""
    if sensor.is_native:
        row["notes"].extend(_deployed(row, sensor, settings))
    if states.theirs is None:
        return row
    found = answering(sensor, settings.code_location, active=row["active"], theirs=states.theirs, ours=states.ours)
    if found.note:
        row["notes"].append(found.note)
    return row | found.to_dict()


def native_notes(sensor: Sensor) -> list[str]:
    """What differs from Dagster for a sensor that its own decorators made."""
    notes = ["made by Dagster's own decorator: evaluated through Dagster, each event by itself, without an interval"]
    function = innermost(sensor.function)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        notes.append("async def, which Dagster's daemon never runs: here it is run, on a loop of its own")
    return notes


def _deployed(row: dict[str, Any], sensor: Sensor, settings: "Settings") -> list[str]:
    """What differs with these settings."""
    notes = []
    if sensor.default_status is DefaultSensorStatus.STOPPED:
        notes.append(
            f"stopped, as Dagster's are that say nothing of it: `runbell sensors start {row['sensor_name']}` starts it"
        )
    if settings.code_location is None and not sensor.monitor_all_code_locations:
        notes.append("sees runs of every code location, in Dagster of its own alone: set RUNBELL_CODE_LOCATION to that")
    return notes


def _theirs(sentences: list[str]) -> list[DagsterState] | None:
    try:
        return read_states(SHARED.get())
    # Somebody else's storage, settings and network: whatever it is must not keep the list from being printed.
    except Exception as error:  # noqa: BLE001
        first = next(iter(str(error).splitlines()), "")
        sentences.append(f"Dagster's instance cannot be asked for its states: {type(error).__name__}: {first}")
        return None
