"""Tells whether a sensor has changed: by what it is declared with and by its function's code, wherever it stands."""

from hashlib import sha256
from types import CodeType
from typing import Any

from runbell.core.sensors import Sensor, code_of

SETTINGS = (
    "request_jobs",
    "default_status",
    "retry",
    "max_concurrent",
    "max_per_minute",
    "timeout_seconds",
    "is_failure",
    "takes_context",
)


def fingerprint(sensor: Sensor, code_location: str | None) -> str:
    """Equal for a sensor that is what it was. What its function calls elsewhere is not looked at.

    Example:
        >>> one = Sensor(name="a", function=lambda: 1, statuses=frozenset({"SUCCESS"}))
        >>> another = Sensor(name="a", function=lambda: 2, statuses=frozenset({"SUCCESS"}))
        >>> fingerprint(one, None) == fingerprint(another, None)
        False
    """
    settings = [getattr(sensor, name) for name in SETTINGS]
    code = code_of(sensor.function)
    parts = (sensor.filter(code_location).to_dict(), settings, None if code is None else _parts(code))
    return sha256(repr(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


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
