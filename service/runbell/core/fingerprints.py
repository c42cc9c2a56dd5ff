"""Tells whether a sensor has changed: by what it is declared with and by its function's code, wherever it stands."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from hashlib import sha256
from types import CodeType
from typing import Any

from runbell.core.sensors import Sensor, code_of, innermost

# What is no setting of the sensor's own, or stands in the fingerprint in another way.
APART = {
    "name": "it is told from others by its name",
    "function": "its code stands for it, and its fields if it is a dataclass",
    "statuses": "in the filter",
    "jobs": "in the filter",
    "excluded_jobs": "in the filter",
    "narrowing": "in the filter",
    "monitor_all_code_locations": "in the filter",
    "react_to_own_runs": "in the filter",
    "request_targets": "objects of the author's; request_jobs names them",
    "metadata": "objects of the author's, which nothing here looks at",
    "resource_parameters": "types, which the function's parameters name",
    "resources": "its module's, which declares them for all of its sensors",
}
PLAIN = (str, bytes, int, float, Enum, type(None))


def fingerprint(sensor: Sensor, code_location: str | None) -> str:
    """Equal for a sensor that is what it was. What its function calls elsewhere is not looked at, nor is any secret.

    Example:
        >>> one = Sensor(name="a", function=lambda: 1, statuses=frozenset({"SUCCESS"}))
        >>> another = Sensor(name="a", function=lambda: 2, statuses=frozenset({"SUCCESS"}))
        >>> fingerprint(one, None) == fingerprint(another, None)
        False
    """
    settings = [_value(getattr(sensor, one.name)) for one in fields(sensor) if one.name not in APART]
    function = innermost(sensor.function)
    code = code_of(function)
    declared = _fields(function) if is_dataclass(function) else ()
    parts = (sensor.filter(code_location).to_dict(), settings, declared, None if code is None else _parts(code))
    return sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _fields(instance: Any) -> list[tuple[str, object]]:
    """Its fields by name; of those that its repr does not show, only where their values stand."""
    return [(one.name, _value(getattr(instance, one.name), secret=not one.repr)) for one in fields(instance)]


def _value(value: Any, *, secret: bool = False) -> object:
    """What a value is, the same in every process: never an address in memory, and never what a secret comes to."""
    if hasattr(value, "get_value"):
        names = (getattr(value, name, None) for name in ("env_var_name", "name", "path"))
        return (type(value).__qualname__, [str(name) for name in names if name is not None])
    if isinstance(value, PLAIN) and not secret:
        return repr(value)
    if is_dataclass(value) and not secret:
        return (type(value).__qualname__, _fields(value))
    code = code_of(value) if callable(value) else None
    return _several(value, secret=secret) if code is None else _parts(code)


def _several(value: Any, *, secret: bool) -> object:
    if isinstance(value, Mapping):
        return sorted((repr(key), repr(_value(one, secret=secret))) for key, one in value.items())
    if isinstance(value, list | tuple):
        return [_value(one, secret=secret) for one in value]
    if isinstance(value, set | frozenset):
        return sorted(repr(_value(one, secret=secret)) for one in value)
    return type(value).__qualname__


def _parts(code: CodeType) -> tuple[Any, ...]:
    """What a function does: its instructions, the names and the constants in it, and those of functions inside it."""
    constants = [_parts(one) if isinstance(one, CodeType) else _stable(one) for one in code.co_consts]
    return (code.co_code, code.co_names, code.co_varnames, constants)


def _stable(constant: object) -> object:
    """A set's order differs from one process to the next."""
    return sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant


def compared(before: dict[str, str], now: dict[str, str]) -> tuple[list[str], list[str], list[str]]:
    """The names that were added, removed and changed, from fingerprints by name.

    Example:
        >>> compared({"a": "1", "b": "1"}, {"b": "2", "c": "1"})
        (['c'], ['a'], ['b'])
    """
    changed = [name for name in before.keys() & now.keys() if before[name] != now[name]]
    return sorted(now.keys() - before.keys()), sorted(before.keys() - now.keys()), sorted(changed)
