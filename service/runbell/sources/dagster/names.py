"""Passes on, under Runbell's name, every name of Dagster that Runbell does not define itself."""

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any

from runbell.core.retrying import RetryPolicy
from runbell.core.stand_ins import STAND_INS

PACKAGE = "runbell"
# Dagster's names that take Runbell's values here, each with the module of this package that defines it.
WIDENED = {
    "Definitions": "definitions",
    "repository": "definitions",
    **dict.fromkeys(("sensor", "asset_sensor", "multi_asset_sensor", "schedule"), "translating"),
}


def passed_on(name: str) -> Any:
    """What `runbell.<name>` is, where Runbell has no such name: Dagster's, or what stands in for it without Dagster.

    Raises:
        AttributeError: Dagster is not installed, or has no such name either.

    Example:
        >>> passed_on("core")
        Traceback (most recent call last):
        AttributeError: module 'runbell' has no attribute 'core'
    """
    if name == "RetryPolicy":
        return _retry_policy()
    if _is_own_module(name):
        raise AttributeError(f"module {PACKAGE!r} has no attribute {name!r}", name=name)
    dagster = import_dagster()
    if dagster is not None and name in WIDENED:
        return getattr(importlib.import_module(f"{__package__}.{WIDENED[name]}"), name)
    found = getattr(dagster, name, STAND_INS.get(name))
    if found is None:
        raise AttributeError(_missing(name, installed=dagster is not None), name=name)
    return found


def _missing(name: str, *, installed: bool) -> str:
    if installed:
        return f"neither {PACKAGE!r} nor 'dagster' has an attribute {name!r}"
    return (
        f"module {PACKAGE!r} has no attribute {name!r}; were it a name of Dagster's, it would be passed on, but"
        " dagster is not installed here: install runbell[dagster]"
    )


def passed_on_names() -> list[str]:
    """The public names that are passed on; none where Dagster is not installed.

    Example:
        >>> "_check" in passed_on_names()
        False
    """
    dagster = import_dagster()
    return [] if dagster is None else [name for name in dir(dagster) if not name.startswith("_")]


def import_dagster() -> ModuleType | None:
    """Dagster; None where it is not installed.

    Example:
        >>> getattr(import_dagster(), "__name__", "dagster")
        'dagster'
    """
    try:
        return importlib.import_module("dagster")
    except ModuleNotFoundError as error:
        if error.name != "dagster":
            raise
        return None


def _is_own_module(name: str) -> bool:
    """`from runbell import engine` asks for the name before it looks for the module: no reason to load Dagster."""
    return importlib.util.find_spec(f"{PACKAGE}.{name}") is not None


def _retry_policy() -> Any:
    """Both have one, and mean something else: once Dagster is loaded, whose it is depends on the arguments."""
    if sys.modules.get("dagster") is None:
        return RetryPolicy
    return importlib.import_module(f"{__package__}.translating").RetryPolicy
