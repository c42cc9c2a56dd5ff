"""Finds the resources of a sensors module: its mapping `resources`, and those of all modules in it."""

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

from runbell.core.binding import refuse_bad_resources
from runbell.core.errors import DefinitionError
from runbell.core.text import shown

NAME = "resources"


def declared_resources(modules: Iterable[ModuleType]) -> dict[str, Any]:
    """The resources that the modules declare, by key.

    Raises:
        DefinitionError: `resources` is no mapping, or something in it cannot be used, or two differ under one key.

    Example:
        >>> module = ModuleType("sensors")
        >>> module.resources = {"channel": "#alerts"}
        >>> declared_resources([module])
        {'channel': '#alerts'}
    """
    declared: dict[str, Any] = {}
    places: dict[str, str] = {}
    for module in modules:
        found = vars(module).get(NAME)
        # A package's own module of this name is none of it.
        if found is None or isinstance(found, ModuleType):
            continue
        if not isinstance(found, Mapping):
            raise DefinitionError(
                f"{module.__name__}.{NAME} is {shown(found)}, but it must be a dict of resources by key"
            )
        refuse_bad_resources(found, module.__name__)
        for key, value in found.items():
            if key in declared and declared[key] is not value:
                raise DefinitionError(
                    f"{places[key]} and {module.__name__} both declare a resource {key!r}: give one of them another key"
                )
            declared[key] = value
            places.setdefault(key, module.__name__)
    return declared
