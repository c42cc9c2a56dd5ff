"""Enum members that are equal to those of the same enum in Dagster, and text that answers like a member."""

import sys
from enum import Enum


class TakenByDagster:
    """Mixed into an enum that Dagster has under the same name: once Dagster is loaded it takes our members for its own.

    It asks `isinstance` about what it is given (`RunsFilter(statuses=...)`, `of_type=`, `default_status=`), and goes on
    with name and value, which are the same.

    Example:
        >>> class Colour(TakenByDagster, Enum):
        ...     RED = "RED"
        >>> isinstance(Colour.RED, Colour), Colour.RED.__class__ is Colour
        (True, True)
    """

    @property  # type: ignore[misc]  # object lets it be assigned; nobody does
    def __class__(self) -> type:
        return getattr(sys.modules.get("dagster"), type(self).__name__, type(self))


class SharedMember(TakenByDagster):
    """Mixed into an enum that Dagster has under the same name: members of equal value are equal, whoever made them.

    Dagster's own members leave a comparison with anything else to the other side, so this holds in both directions.

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
