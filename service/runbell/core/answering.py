"""Who answers a sensor's events: Dagster's daemon, Runbell, both, nobody. As far as states and code say."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from runbell.core.sensors import DefaultSensorStatus, Sensor


@dataclass(frozen=True, slots=True)
class DagsterState:
    """What Dagster's tables say of a sensor: RUNNING or STOPPED by somebody's hand, or DECLARED_IN_CODE."""

    sensor_name: str
    code_location: str
    status: str


@dataclass(frozen=True, slots=True)
class Answering:
    """Who answers a sensor's events.

    Attributes:
        state: in Dagster's tables; None: nothing stands there.
        dagster: does its daemon?
        runbell: do we?
        note: what the operator should know; None: nothing.
    """

    state: str | None
    dagster: bool
    runbell: bool
    note: str | None = None

    @property
    def twice(self) -> bool:
        """Would both?"""
        return self.dagster and self.runbell

    def to_dict(self) -> dict[str, Any]:
        """As columns of a list."""
        return {"dagster_state": self.state, "dagster_active": self.dagster, "answers_twice": self.twice}


def answering(
    sensor: Sensor, code_location: str | None, *, active: bool, theirs: Iterable[DagsterState], ours: Mapping[str, str]
) -> Answering:
    """Compare the states of one sensor.

    Args:
        sensor: which.
        code_location: where it is deployed; None: states of any location count.
        active: does it run, as far as code and settings of ours say?
        theirs: Dagster's states.
        ours: our states (`declared`, `running`, `stopped`) by identity, where they are known.

    Example:
        >>> alert = Sensor(name="alert", function=print, statuses=frozenset({"FAILURE"}), is_native=True)
        >>> states = [DagsterState("alert", "warehouse", "RUNNING")]
        >>> answering(alert, "warehouse", active=True, theirs=states, ours={}).twice
        True
    """
    statuses = {one.status for one in theirs if _is_of(one, sensor.name, code_location)}
    state = next((status for status in ("RUNNING", "DECLARED_IN_CODE", "STOPPED") if status in statuses), None)
    own = ours.get(sensor.identity(code_location))
    runbell = own == "running" or (active and own != "stopped")
    dagster = sensor.is_native and (
        state == "RUNNING" or (state != "STOPPED" and sensor.default_status is DefaultSensorStatus.RUNNING)
    )
    return Answering(state, dagster, runbell, _note(sensor, state, dagster=dagster, runbell=runbell))


def _is_of(state: DagsterState, name: str, code_location: str | None) -> bool:
    return state.sensor_name == name and code_location in {None, state.code_location}


def _note(sensor: Sensor, state: str | None, *, dagster: bool, runbell: bool) -> str | None:
    if dagster and runbell:
        return (
            f"runs in Dagster too and would answer twice: stop it there (`dagster sensor stop {sensor.name}`), or here"
        )
    if dagster:
        return "runs in Dagster, and not here"
    if sensor.is_native and not runbell:
        return "runs nowhere: neither here nor in Dagster"
    if not sensor.is_native and state in {"RUNNING", "DECLARED_IN_CODE"}:
        return (
            f"Dagster has it as {state}: unless it has loaded this module, where only a signpost stands for it, the"
            " sensor of this name there answers too"
        )
    return None
