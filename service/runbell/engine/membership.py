"""What a daemon is among its peers. Kept over the terms: who it is and what it does does not end with a connection."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from uuid import UUID

import anyio

from runbell.core.leases import Role
from runbell.engine.doorbell import Doorbell


@dataclass(slots=True)
class Membership:
    """The role of one daemon, and what it has been told from outside and has not done yet.

    Attributes:
        role: what it does.
        only: the sensors that a daemon for those kept apart is there for.
        arrival: its number among the daemons; None before it was registered.
        dead: daemons that are known to have died, whatever their locks and beats say.
        marks: sensors to be kept apart from the others, or no longer.
        told: rings when one of these has changed.
        promoted: set once it has become active.
    """

    role: Role = Role.ACTIVE
    only: frozenset[str] = frozenset()
    on_apart: Callable[[frozenset[str]], None] | None = None
    arrival: int | None = None
    dead: set[UUID] = field(default_factory=set)
    marks: dict[str, bool] = field(default_factory=dict)
    told: Doorbell = field(default_factory=Doorbell)
    promoted: anyio.Event = field(default_factory=anyio.Event)

    @property
    def apart(self) -> bool:
        """Does it hold sensors that are kept apart, and no others?"""
        return self.role is Role.APART

    def promote(self, dead: Collection[UUID], apart: Collection[str]) -> None:
        """Become active: `dead` have died, and of what they held, these are kept apart from now on."""
        self.role = Role.ACTIVE
        self.promoted.set()
        self.dead.update(dead)
        self.mark(apart, apart=True)

    def mark(self, names: Collection[str], *, apart: bool) -> None:
        """Keep these sensors apart, or no longer."""
        self.marks.update(dict.fromkeys(names, apart))
        self.told.ring()
