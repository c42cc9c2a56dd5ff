"""Reads which sensors have been started or stopped in Dagster."""

from typing import TYPE_CHECKING

from runbell.core.answering import DagsterState

if TYPE_CHECKING:
    from dagster import DagsterInstance


def read_states(instance: "DagsterInstance") -> list[DagsterState]:
    """The states of all sensors that Dagster's tables know. Waits for its database."""
    return [
        DagsterState(
            state.instigator_name,
            state.origin.repository_origin.code_location_origin.location_name,
            state.status.value,
        )
        for state in instance.all_instigator_state()
        if state.instigator_type.value == "SENSOR"
    ]
