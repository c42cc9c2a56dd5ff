"""Objects that can be read field by field, as Dagster's runs and events can, which are named tuples."""

from collections.abc import Iterator
from copy import copy
from typing import Any, ClassVar, Self

from runbell.core.errors import NotHereError


class Record:
    """Has the fields of a named tuple of Dagster's; each is read only when somebody looks at it.

    Attributes:
        _fields: their names, in Dagster's order.
        known_as: how a sensor's function comes by it, for the sentence about an attribute that is not here.

    Example:
        >>> class Point(Record):
        ...     _fields = ("x", "y")
        ...     x = 1
        ...     y = 2
        >>> Point()._asdict(), [*Point()], Point()._replace(x=5).x
        ({'x': 1, 'y': 2}, [1, 2], 5)
    """

    _fields: ClassVar[tuple[str, ...]] = ()
    known_as: ClassVar[str] = "it"

    def _asdict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._fields}

    def _replace(self, **changes: Any) -> Self:
        """A copy with other values.

        Raises:
            TypeError: a name is no field.
        """
        self._refuse_unknown(changes)
        changed = copy(self)
        changed.__dict__.update(changes)
        return changed

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, name) for name in self._fields)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or hasattr(type(self), name):
            # Also what a property of ours raised comes by here, and is raised once more.
            return object.__getattribute__(self, name)
        raise NotHereError(f"{self.known_as}.{name} is not here: Runbell records {', '.join(self._fields)}")

    @classmethod
    def _refuse_unknown(cls, given: dict[str, Any]) -> None:
        unknown = sorted(given.keys() - set(cls._fields))
        if unknown:
            raise TypeError(f"{', '.join(unknown)}: not among the fields of {cls.__name__}: {', '.join(cls._fields)}")
