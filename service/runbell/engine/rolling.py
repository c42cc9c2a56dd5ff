"""Replaces all workers by new ones that load the sensors anew, while the old ones go on and then drain.

The first new worker shows whether the sensors can be loaded at all; when it cannot begin, nothing has changed. Each new
one shares the leases as soon as it is ready, and when there are enough, the old ones leave: they begin nothing more,
what they have begun they finish with the code that they began it with, and each sensor is let go of when it is quiet.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from runbell.core.fingerprints import compared
from runbell.engine.channel import Promote, Ready
from runbell.engine.fleet import DRAIN_SECONDS, Fleet
from runbell.engine.workers import Worker

log = structlog.get_logger()
# So many names of each kind stand in one log event.
NAMED = 50


@dataclass(slots=True)
class Rolling:
    """One roll after another; one that is asked for while another is under way follows it.

    Attributes:
        active: how many new workers take the place of the old ones.
        known: what the workers offer that are there.
    """

    fleet: Fleet
    active: int
    reloaded: Callable[[Ready], None]
    known: Ready | None = None
    _old: list[Worker] = field(default_factory=list)
    _new: list[Worker] = field(default_factory=list)
    _under_way: bool = False
    _again: bool = False

    def begin(self) -> None:
        """Load the sensors anew."""
        if self._under_way:
            self._again = True
            return
        if self.known is None or self.fleet.closing:
            return
        log.info("sensors_reloading", module=self.known.module)
        self._under_way, self._again = True, False
        self._old, self._new = list(self.fleet.workers), []
        self.fleet.start("arriving")

    def begun(self, worker: Worker) -> None:
        """A new worker is ready. None takes anything before all are: when one cannot begin, the old set stays whole."""
        self._new.append(worker)
        if len(self._new) < self.active:
            self.fleet.start("arriving")
        else:
            self._finish()

    def failed(self, worker: Worker) -> None:
        """A new worker could not begin, or was ended before it had: the old ones go on."""
        reason = worker.failed.sentence if worker.failed else worker.ended_how()
        log.error("sensors_reload_failed", error=reason.removeprefix("runbell: "))
        for one in self._new:
            if one in self.fleet.workers and not one.leaving:
                # Its end is no failure of the next roll.
                one.role = "standby"
                self.fleet.dismiss(one, DRAIN_SECONDS)
        self._end()

    def _finish(self) -> None:
        now = self._new[0].ready
        before = self.known
        if now is None or before is None:
            return
        self.known = now
        for worker in self._new:
            worker.role = "active"
            worker.channel.send(Promote((), sorted(self.fleet.isolation.apart)))
        gone = self.fleet.isolation.apart - set(now.sensors)
        for name in gone:
            self.fleet.isolation.returned(name)
        for worker in self._old:
            if worker in self.fleet.workers and not worker.leaving:
                worker.only -= gone
                self.fleet.dismiss(worker, _patience(worker))
        self.fleet.keep_standbys()
        added, removed, changed = compared(_prints(before), _prints(now))
        log.info(
            "sensors_reloaded",
            module=now.module,
            sensors=len(now.sensors),
            added=added[:NAMED],
            removed=removed[:NAMED],
            changed=changed[:NAMED],
        )
        self.reloaded(now)
        self._end()

    def _end(self) -> None:
        self._under_way, self._old, self._new = False, [], []
        if self._again:
            self.begin()


def _patience(worker: Worker) -> float:
    """So long it may take to finish what it has begun: as long as the longest of its functions."""
    return max(worker.ready.timeouts, default=0.0) + DRAIN_SECONDS if worker.ready else DRAIN_SECONDS


def _prints(ready: Ready) -> dict[str, str]:
    return dict(zip(ready.sensors, ready.prints, strict=True))
