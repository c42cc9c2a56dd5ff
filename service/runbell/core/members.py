"""Enum members that are equal to those of the same enum in Dagster, and text that answers like a member."""

import sys
from enum import Enum
from typing import Any


class SharedMember:
    """Mixed into an enum that Dagster has under the same name: members of equal value are equal, whoever made them.

    Dagster's own members leave a comparison with anything else to the other side, so this holds in both directions.
    Where Dagster has been loaded, its enum is what `isinstance` finds: it checks arguments so before it takes them.

    Example:
        >>> class Colour(SharedMember, Enum):
        ...     RED = "RED"
        >>> theirs = Enum("Colour", {"RED": "RED"})
        >>> theirs.RED == Colour.RED, theirs.RED != Colour.RED, theirs.RED in {Colour.RED}
        (True, False, True)
    """

    value: str

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, Enum):
            return type(other).__name__ == type(self).__name__ and other.value == self.value
        return isinstance(self, str) and isinstance(other, str) and str(other) == self.value

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        # As that of Dagster's members, which goes by their name: it is the value, too.
        return hash(self.value)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        own = type(self)
        theirs: type = getattr(sys.modules.get("dagster"), own.__name__, own)
        return theirs

    def __reduce_ex__(self, _: object) -> tuple[Any, ...]:
        return type(self), (self.value,)

    @classmethod
    def _missing_(cls, value: object) -> object:
        """`DagsterRunStatus(theirs)` is ours."""
        same = isinstance(value, Enum) and value.__class__.__name__ == cls.__name__
        return getattr(cls, value.name, None) if isinstance(value, Enum) and same else None


class NamedText(str):
    """Text that can be asked for `.value` and `.name` like an enum's member: a status or event type nobody listed.

    Example:
        >>> NamedText("PAUSED").value
        'PAUSED'
    """

    __slots__ = ()

    @property
    def value(self) -> str:
        return str(self)

    @property
    def name(self) -> str:
        return str(self)
