"""What a sensor's function is given beside its context: what the module declares as `resources`. Which it may reach is
said here; `resources/opening.py` sets them up and tears them down.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn, Protocol

from runbell.core.errors import NotHereError
from runbell.core.resource_kinds import is_async


@dataclass(frozen=True, slots=True)
class Bound:
    """The resources that one sensor may reach.

    Attributes:
        declared: what the module declares, by key.
        parameters: the key for each parameter of the function that takes a resource.
        keys: what is set up before the function is called; the rest when it is first looked at.
    """

    declared: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    keys: frozenset[str] = frozenset()

    @property
    def has_async(self) -> bool:
        """Is any of what is set up before the function to be awaited?"""
        return any(is_async(self.declared[key]) for key in self.keys if key in self.declared)


class Opened(Protocol):
    """The resources of one evaluation, from whoever sets them up."""

    @property
    def declared(self) -> Mapping[str, Any]:
        """As the module has them, by key."""

    def get(self, key: str) -> Any:
        """The resource.

        Raises:
            NotHereError: nobody declares it.
            RunbellError: it cannot be set up at this moment.
        """

    def merged(self, resources: Mapping[str, Any]) -> "Opened":
        """These and more, for a context of a test."""

    def close(self) -> None:
        """Tear down what a test's context has set up."""


class Undeclared:
    """Of a module that declares none."""

    __slots__ = ()

    @property
    def declared(self) -> Mapping[str, Any]:
        return {}

    def get(self, key: str) -> Any:
        refuse_undeclared(key, {})

    def merged(self, _: Mapping[str, Any]) -> Opened:
        raise NotHereError(
            "context.merge_resources is not here: it is for a test's context, see build_run_status_sensor_context;"
            " what a sensor takes stands in its module's resources"
        )

    def close(self) -> None:
        """Nothing was set up."""


class Resources:
    """What `context.resources` is. An undeclared resource is an AttributeError.

    Example:
        >>> hasattr(Resources(Undeclared()), "channel")
        False
    """

    __slots__ = ("_opened",)

    def __init__(self, opened: Opened) -> None:
        self._opened = opened

    def __getattr__(self, name: str) -> Any:
        return self._opened.get(name)


def refuse_undeclared(key: str, declared: Mapping[str, Any]) -> NoReturn:
    """Says of a resource that is looked at that it is none of these.

    Raises:
        NotHereError: always; it says where to declare it.
    """
    known = ", ".join(sorted(declared)) or "none"
    raise NotHereError(
        f"context.resources.{key} is not here: nobody declares it (declared: {known});"
        f' write resources = {{"{key}": ...}} in the sensors module'
    )


def unbound(parameters: Collection[str], required: frozenset[str]) -> Bound | None:
    """The resources of a sensor that no module was loaded for: whatever it asks for is not declared."""
    if not parameters and not required:
        return None
    return Bound({}, {name: name for name in parameters}, frozenset(parameters) | required)
