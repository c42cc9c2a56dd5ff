"""A shadow: a daemon that says what it would evaluate and calls nothing, beside whoever answers these events today.

It must not share its sensors with a daemon that answers: what it took would be answered by nobody. So it offers them as
a module of another name, and the later of the two is refused like any other that offers the same sensors.
"""

from runbell.core.requests import Conclusion

SHADOW = " (shadow)"
SHADOWED = Conclusion("shadowed")


def offered_as(module: str, *, shadow: bool) -> str:
    """The name under which a daemon offers the sensors of a module.

    Example:
        >>> offered_as("sensors", shadow=True)
        'sensors (shadow)'
    """
    return module + SHADOW if shadow else module


def refusal(sensor_name: str, module: str, other: str, process: str) -> str:
    """Why a daemon may not offer a sensor that another one offers already; says what to do.

    Args:
        sensor_name: which.
        module, other: the names under which this daemon and the other one offer it.
        process: where the other one runs.

    Example:
        >>> refusal("alert", "sensors", "sensors (shadow)", "process 7 on host")
        "sensor 'alert' is offered by a shadow (process 7 on host): stop that one first"
    """
    if module.endswith(SHADOW) and not other.endswith(SHADOW):
        return f"sensor {sensor_name!r} is answered by a daemon that is no shadow ({process}): stop that one first"
    if other.endswith(SHADOW) and not module.endswith(SHADOW):
        return f"sensor {sensor_name!r} is offered by a shadow ({process}): stop that one first"
    return (
        f"sensor {sensor_name!r} of module {module!r} is already offered by module {other!r} ({process}):"
        " give each its own RUNBELL_CODE_LOCATION"
    )
