"""How far a sensor has got: snapshots instead of ids, because ids do not commit in order."""

from dataclasses import dataclass, replace

from runbell.core.events import EventKey


@dataclass(frozen=True, slots=True)
class Snapshot:
    """PostgreSQL's `pg_snapshot`: which transactions had ended at one moment.

    Example:
        >>> Snapshot.parse("10:14:11,12").sees(13)
        True
    """

    xmin: int
    xmax: int
    xip: frozenset[int] = frozenset()

    @classmethod
    def parse(cls, text: str) -> "Snapshot":
        """From PostgreSQL's text form `xmin:xmax:xip,xip`."""
        xmin, xmax, xip = text.split(":")
        return cls(int(xmin), int(xmax), frozenset(map(int, xip.split(","))) if xip else frozenset())

    def __str__(self) -> str:
        return f"{self.xmin}:{self.xmax}:{','.join(map(str, sorted(self.xip)))}"

    def sees(self, xid: int) -> bool:
        """Had this transaction ended? (Whether it committed is the table's business.)"""
        return xid < self.xmax and xid not in self.xip

    def reaches(self, other: "Snapshot") -> bool:
        """Does this one see every transaction that the other sees?"""
        return self.xmax >= other.xmax and not any(map(other.sees, self.xip))


@dataclass(frozen=True, slots=True)
class Place:
    """Everything visible in `position` has been passed; of what became visible up to `upper`, all up to `last`.

    A whole place has no `upper`: it stands between two reads. One with `upper` stands inside a paged read.
    """

    position: Snapshot
    upper: Snapshot | None = None
    last: EventKey | None = None

    def at(self, upper: Snapshot, last: EventKey) -> "Place":
        """This read's place after the event `last`, of what became visible up to `upper`."""
        return replace(self, upper=self.upper or upper, last=last)

    def passes(self, key: EventKey) -> bool:
        """Does it lie behind this event?"""
        if self.position.sees(key.xid):
            return True
        return self.upper is not None and self.last is not None and self.upper.sees(key.xid) and key <= self.last

    def end(self, upper: Snapshot) -> "Place":
        """The whole place behind this read."""
        return Place(self.upper or upper)
