"""A sensor made without a decorator, under Dagster's name for it."""

from typing import Any

from runbell.core.declaring import run_status_sensor
from runbell.core.errors import DefinitionError
from runbell.core.sensors import Function, Sensor
from runbell.core.text import shown


class _MakesSensors(type):
    """Calling the class makes a Sensor, as a decorator does; each Sensor counts as its instance."""

    def __call__(
        cls,
        name: str,
        run_status: Any,
        run_status_sensor_fn: Function,
        *more: object,
        **declared: Any,
    ) -> Sensor:
        if more:
            raise DefinitionError(f"sensor {shown(name)}: {shown(more[0])} follows by position: give it by name")
        return run_status_sensor(run_status, name, **declared)(run_status_sensor_fn)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Sensor)


class RunStatusSensorDefinition(metaclass=_MakesSensors):
    """Makes a sensor of a function, in place of the decorator.

    Args:
        name: the sensor's.
        run_status: one status or several.
        run_status_sensor_fn: the function.
        declared: see `Declared`.

    Raises:
        DefinitionError: a mistake in the arguments or in the function's signature.

    Example:
        >>> sensor = RunStatusSensorDefinition("greet", "SUCCESS", lambda context: None, monitored_jobs=["etl"])
        >>> sensor.name, isinstance(sensor, RunStatusSensorDefinition)
        ('greet', True)
    """
