"""Joins sensors with the resources that their module declares: by the parameter's name, else by its type."""

import types
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Union, get_args, get_origin

from runbell.core.errors import DefinitionError
from runbell.core.resource_kinds import why_unusable
from runbell.core.resources import Bound
from runbell.core.sensors import Sensor
from runbell.core.text import shown


def bound(sensor: Sensor, declared: Mapping[str, Any]) -> Sensor:
    """The same sensor, with its resources.

    Args:
        sensor: a sensor as its decorator made it.
        declared: resources by key, as `resources` in a module has them.

    Raises:
        DefinitionError: it takes or requires one that is not declared, or that cannot be told among several.

    Example:
        >>> from runbell import run_failure_sensor
        >>> @run_failure_sensor
        ... def alert(context, channel: str): ...
        >>> bound(alert, {"channel": "#alerts"}).resources.parameters
        {'channel': 'channel'}
    """
    _refuse_what_stands_as_the_context(sensor, declared)
    parameters = {
        name: _key_of(sensor, name, annotation, declared) for name, annotation in sensor.resource_parameters.items()
    }
    for key in sorted(sensor.required_resource_keys - declared.keys()):
        raise DefinitionError(
            f"sensor {sensor.name!r}: required_resource_keys has {key!r}, which is not declared: "
            f"{_remedy(key, declared)}"
        )
    keys = frozenset(parameters.values()) | sensor.required_resource_keys
    return replace(sensor, resources=Bound(dict(declared), parameters, keys) if declared else None)


def refuse_bad_resources(declared: Mapping[Any, Any], where: str) -> None:
    """Says what of a module's `resources` cannot be used.

    Raises:
        DefinitionError: a key is no name, or a value can be used once only.

    Example:
        >>> refuse_bad_resources({"the channel": "#alerts"}, "sensors")
        Traceback (most recent call last):
        runbell.core.errors.DefinitionError: resources of sensors: the key 'the channel' is no name of an attribute
    """
    for key, value in declared.items():
        if not isinstance(key, str) or not key.isidentifier():
            raise DefinitionError(f"resources of {where}: the key {shown(key)} is no name of an attribute")
        if reason := why_unusable(value):
            raise DefinitionError(f"resources of {where}: {key!r} {reason}")


def _key_of(sensor: Sensor, name: str, annotation: Any, declared: Mapping[str, Any]) -> str:
    if name in declared:
        return name
    kinds = _classes_in(annotation)
    fitting = sorted(key for key, value in declared.items() if kinds and isinstance(value, kinds))
    if len(fitting) == 1:
        return fitting[0]
    said = f"sensor {sensor.name!r}: parameter {name!r} of its function is a resource that is not declared"
    if fitting:
        raise DefinitionError(f"{said}, and {', '.join(fitting)} are of its type: name it like the one that is meant")
    raise DefinitionError(f"{said}: {_remedy(name, declared)}")


def _remedy(key: str, declared: Mapping[str, Any]) -> str:
    known = ", ".join(sorted(declared)) or "nothing"
    return f'write resources = {{"{key}": ...}} in the sensors module (declared: {known})'


def _classes_in(annotation: Any) -> tuple[type, ...]:
    """The classes that a value of this annotation may have; none if it says nothing."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _classes_in(get_args(annotation)[0])
    if origin in {Union, types.UnionType}:
        return tuple(kind for part in get_args(annotation) for kind in _classes_in(part) if kind is not types.NoneType)
    kind = origin or annotation
    return (kind,) if isinstance(kind, type) and kind is not object else ()


def _refuse_what_stands_as_the_context(sensor: Sensor, declared: Mapping[str, Any]) -> None:
    """A function whose only parameter is named like a resource probably means it."""
    first = sensor.context_parameter
    if first is not None and first != "context" and first in declared:
        raise DefinitionError(
            f"sensor {sensor.name!r}: the first parameter of its function, {first!r}, is the context, and it is named"
            f" like a resource: put the context before it, or annotate it as ResourceParam[...]"
        )
