"""Ends workers that must be ended, and says over what: which functions ran, where they were, what becomes of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from runbell.core.relief import verdict
from runbell.engine.fleet import DRAIN_SECONDS, Fleet
from runbell.engine.markers import Running
from runbell.engine.workers import Worker

log = structlog.get_logger()


@dataclass(slots=True)
class Relief:
    """Relieves the workers of a fleet."""

    fleet: Fleet

    async def end(self, worker: Worker, reason: str) -> None:
        """End a worker from outside, and have others take over; what was running then has failed."""
        worker.leaving = True
        still, running = worker.watch.still_seconds, worker.busiest(worker.running())
        dump = await worker.dump_stacks()
        await worker.kill()
        if reason == "frozen":
            # Whoever stopped it, it was hardly the function; unless that is seen again and again.
            again = self.fleet.blamed(names_of(worker, running))
            running = [one for one in running if worker.name_of(one) in again]
        self._say_relieved(worker, reason, running, dump)
        blamed = self._judge(worker, running, dump, reason, still)
        self.fleet.succeed(worker, dead=True, blamed=blamed, wait=self.fleet.wait_after_end())

    async def end_overdue(self, worker: Worker) -> None:
        """A worker was to drain and has not: what still runs there keeps it."""
        if worker.drained:
            await worker.kill()
            return
        running = worker.busiest(worker.running())
        dump = await worker.dump_stacks()
        await worker.kill()
        self._say_relieved(worker, "not drained", running, dump)
        blamed = self._judge(worker, running, dump, "memory", 0.0)
        self.fleet.bury(worker, dead=True, blamed=blamed)

    def relieve(self, worker: Worker, reason: str, blamed: Sequence[str]) -> None:
        """Replace a worker that works: it drains while another takes over, sensor by sensor."""
        if worker.leaving or (worker.role == "active" and not any(w.ready for w in self.fleet.of("standby"))):
            # With the next look, or when it asks again.
            return
        worker.leaving = True
        self._say_relieved(worker, reason, [], "", sensors=blamed)
        self.fleet.succeed(worker, dead=False, blamed=blamed)
        self.fleet.dismiss(worker, DRAIN_SECONDS)

    def _judge(self, worker: Worker, running: Sequence[Running], dump: str, reason: str, seconds: float) -> list[str]:
        """Say of each evaluation that ran why it has failed; gives the sensors."""
        for one in running:
            name = worker.name_of(one)
            if name is not None:
                key = (name, one.event_id, one.replay)
                worker.verdicts[key] = verdict(name, reason, seconds, worker.stack_of(one, dump))
        return names_of(worker, running)

    def _say_relieved(
        self, worker: Worker, reason: str, running: Sequence[Running], dump: str, sensors: Sequence[str] = ()
    ) -> None:
        log.warning(
            "worker_relieved",
            worker=worker.number,
            role=worker.role,
            reason=reason,
            still_seconds=round(worker.watch.still_seconds, 2),
            sensors=names_of(worker, running) or list(sensors),
            event_ids=[one.event_id for one in running],
            stack=[frame for one in running for frame in worker.stack_of(one, dump)],
        )

    def mourn(self, worker: Worker) -> None:
        """A worker has ended that nobody told to."""
        dump = worker.dumped()
        running = worker.crashed_in(worker.running(), dump)
        names = names_of(worker, running)
        how = worker.failed.sentence if worker.failed else worker.ended_how()
        stack = [frame for one in running for frame in worker.stack_of(one, dump)]
        log.error("worker_died", worker=worker.number, role=worker.role, reason=how, sensors=names, stack=stack)
        # A signal of that kind may come from anywhere; all others come from what the process itself did.
        blamed = self.fleet.blamed(names) if how == "SIGKILL" else names
        guilty = [one for one in running if worker.name_of(one) in blamed]
        self._judge(worker, guilty, dump, how, 0.0)
        self.fleet.succeed(worker, dead=True, blamed=blamed, wait=self.fleet.wait_after_end())


def names_of(worker: Worker, running: Sequence[Running]) -> list[str]:
    """The sensors whose functions these are."""
    return sorted({name for one in running if (name := worker.name_of(one))})
