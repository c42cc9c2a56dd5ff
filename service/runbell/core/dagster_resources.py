"""Dagster's own resources: told from others without importing it, and set up through its public interface."""

import functools
from typing import Any

# The classes that a Dagster resource descends from; its own module need not be there to look at names.
_KINDS = frozenset({"ConfigurableResourceFactory", "ResourceDefinition", "TreatAsResourceParam"})


def is_dagster_resource(value: object) -> bool:
    """Is it a ConfigurableResource, a ResourceDefinition, or of another class that Dagster sets up?

    Example:
        >>> is_dagster_resource("a text")
        False
    """
    return not isinstance(value, type) and is_dagster_resource_class(type(value))


def is_dagster_resource_class(kind: object) -> bool:
    """Is this class, as a parameter's annotation, the type of such a resource?"""
    return isinstance(kind, type) and any(
        base.__name__ in _KINDS and base.__module__.partition(".")[0] == "dagster" for base in kind.__mro__
    )


class DagsterOpening:
    """A context manager around a resource's `setup_for_execution`, `teardown_after_execution` or `yield_for_execution`;
    what it is entered for is what Dagster would give a sensor.
    """

    def __init__(self, value: Any) -> None:
        self._value = value
        self._manager: Any = None

    def __enter__(self) -> Any:
        import dagster

        self._manager = dagster.build_resources({"it": self._value}, instance=_instance())
        return self._manager.__enter__().it

    def __exit__(self, *raised: object) -> Any:
        return self._manager.__exit__(*raised)


@functools.cache
def _instance() -> Any:
    """An instance of which nothing is asked. Making one takes 70 ms, a resource with one at hand 1 ms."""
    import dagster

    return dagster.DagsterInstance.ephemeral()
