"""What this process holds in memory while it holds leases. Thrown away whole when the database was lost."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from runbell.core.events import RunEvent
from runbell.core.places import Place
from runbell.core.portions import most_pending
from runbell.core.progress import Crowd, Evaluation, Page, Progress
from runbell.core.routing import Subscription
from runbell.engine.lanes import Lane
from runbell.store.events import EventPage


@dataclass(slots=True, eq=False)
class Held:
    """A sensor whose lease this process holds, and which is running.

    With too many events waiting it leaves the tail, and reads by itself again when fewer are left: memory is bounded,
    whatever one slow sensor does.
    """

    sensor_name: str
    subscription: Subscription
    progress: Progress
    lane: Lane
    dropped: bool = False
    # Nothing of it is called: what waits for a retry goes on waiting.
    shadowed: bool = False

    @property
    def full(self) -> bool:
        return self.progress.pending >= most_pending(self.progress.crowd.pending, self.progress.weight)

    def hand(self, page: EventPage, events: Sequence[RunEvent]) -> None:
        """Take over these of a page's events: evaluated in event_id order, settled in the keys' order."""
        evaluations = [Evaluation(event) for event in events]
        in_key_order = evaluations if page.in_key_order else sorted(evaluations, key=lambda e: e.event.key)
        self.progress.weight = page.weight
        self.progress.hand(Page(page.start, page.upper, page.end, in_key_order))
        self.lane.add(evaluations)


@dataclass(slots=True)
class Term:
    """The sensors held, by name."""

    held: dict[str, Held] = field(default_factory=dict)
    # The sensors of the module that are held but stopped: their epoch is theirs, nothing is read for them.
    stopped: dict[str, int] = field(default_factory=dict)
    crowd: Crowd = field(default_factory=Crowd)
    on_drop: Callable[[Held], None] = lambda _: None

    def drop(self, sensor_name: str) -> bool:
        """This sensor is no longer ours: begin nothing more for it."""
        self.stopped.pop(sensor_name, None)
        held = self.held.pop(sensor_name, None)
        if held is None:
            return False
        held.dropped = True
        held.lane.close()
        held.progress.leave_crowd()
        self.on_drop(held)
        return True

    @property
    def leases(self) -> list[str]:
        """The sensors whose leases are held, also of those that are stopped."""
        return [*self.held, *self.stopped]

    def epoch_of(self, sensor_name: str) -> int:
        """The epoch that a sensor is held under; 0: it is not."""
        held = self.held.get(sensor_name)
        return held.progress.lease_epoch if held is not None else self.stopped.get(sensor_name, 0)


def by_place(members: Iterable[Held]) -> dict[Place, list[Held]]:
    """Sensors grouped by where they stand: each place is read once for all of them."""
    groups: dict[Place, list[Held]] = {}
    for held in members:
        groups.setdefault(held.progress.ahead, []).append(held)
    return groups
