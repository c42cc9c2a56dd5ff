"""I2, I5, I6 on a real server: two daemons take, read, settle, lose and die in any order that hypothesis thinks of.

HYPOTHESIS_EXAMPLES=500 looks for longer.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from runbell.core.filters import Filter
from runbell.core.leases import Role
from runbell.core.progress import Settlement
from runbell.core.requests import Conclusion, RequestDraft
from runbell.store.daemons import register_daemon
from runbell.store.sensors import Offered, deploy_sensors
from support import databases, postgres
from support.daemons import record
from support.holders import SENSORS, Holder, passed

T = TypeVar("T")
Session = asyncpg.Connection
EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "25"))
STEPS = 40

OFFERED = [Offered(name, Filter(statuses=frozenset({"SUCCESS"})), active=True) for name in SENSORS]
ANSWERS = {
    "acted": Conclusion("acted"),
    "requested": Conclusion("requested", (RequestDraft("a"), RequestDraft("b"))),
    "again": Conclusion("failed", error="again"),
    "dead": Conclusion("failed", error="for good", final=True),
}


class Bench:
    """The server as the machines find it: sessions, and one loop to use them from tests that know nothing of loops."""

    def __init__(self, server: postgres.Server) -> None:
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._stack = AsyncExitStack()
        url = self.run(self._stack.enter_async_context(databases.fresh_database(server, databases.TEMPLATE)))
        self.admin, self.unknown, *rest = [self.run(self._connect(url)) for _ in range(6)]
        self.writers, self.sessions = rest[:2], rest[2:]

    async def _connect(self, url: str) -> Session:
        session = await asyncpg.connect(url)
        self._stack.push_async_callback(session.close)
        return session

    def run(self, waited: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(waited)

    def close(self) -> None:
        self.run(self._stack.aclose())
        self._runner.close()

    async def clean(self) -> None:
        for table in ("evaluations", "run_requests", "run_keys", "ticks", "run_events", "runs", "sensors", "daemons"):
            await self.admin.execute(f"DELETE FROM runbell.{table}")


@pytest.fixture
def bench(server: postgres.Server) -> Iterator[Bench]:
    made = Bench(server)
    yield made
    made.close()


class Machine(RuleBasedStateMachine):
    """Two daemons, two writers, and a ledger of what has taken effect."""

    bench: Bench

    def __init__(self) -> None:
        super().__init__()
        self.daemons = [Holder(self.bench.sessions[0]), Holder(self.bench.sessions[1])]
        self.open: dict[int, tuple[Any, int]] = {}
        self.number = 0
        self.committed: set[int] = set()
        # How often an evaluation has taken effect for good, and the requests that it asked for.
        self.ledger: Counter[tuple[str, int]] = Counter()
        self.asked: set[tuple[str, int, str]] = set()
        self.in_flight: tuple[Any, Holder, list[Settlement], set[str], set[Any]] | None = None

    def run(self, waited: Coroutine[Any, Any, T]) -> T:
        return self.bench.run(waited)

    @initialize()
    def begin(self) -> None:
        self.run(self._begin())
        self._note()

    async def _begin(self) -> None:
        await self.bench.clean()
        for daemon in self.daemons:
            daemon.arrival = await register_daemon(daemon.session, daemon.identity, Role.ACTIVE, locked=False)
        first = self.daemons[0]
        await deploy_sensors(first.session, OFFERED, first.identity, first.arrival)
        await first.take(OFFERED, (), len(SENSORS))
        for number in range(3):
            await record(self.bench.writers[0], f"first{number}")

    # What orchestrators do

    @rule(writer=st.integers(0, 1))
    def an_event_is_written(self, writer: int) -> None:
        session = self.bench.writers[writer]
        if writer not in self.open:
            transaction = session.transaction()
            self.run(transaction.start())
        else:
            transaction, _ = self.open.pop(writer)
            self.run(transaction.commit())
            transaction = session.transaction()
            self.run(transaction.start())
        self.number += 1
        self.open[writer] = (transaction, self.run(record(session, f"r{self.number}")))
        self._note()

    @rule(writer=st.integers(0, 1), kept=st.sampled_from([True, True, True, False]))
    def a_writer_ends(self, writer: int, kept: bool) -> None:
        if writer in self.open:
            transaction, _ = self.open.pop(writer)
            self.run(transaction.commit() if kept else transaction.rollback())
            self._note()

    def _note(self) -> None:
        rows = self.run(self.bench.admin.fetch("SELECT event_id FROM runbell.run_events"))
        self.committed = {row["event_id"] for row in rows}

    # What daemons do

    @rule(which=st.integers(0, 1), suspects=st.booleans(), count=st.integers(1, 2))
    @precondition(lambda self: self.in_flight is None)
    def leases_are_taken(self, which: int, suspects: bool, count: int) -> None:
        """A peer that is suspected may be alive, and goes on as if it still held them."""
        dead = [self.daemons[1 - which].identity.daemon_id] if suspects else []
        self.run(self.daemons[which].take(OFFERED, dead, count))

    @rule(which=st.integers(0, 1), scanned=st.integers(1, 4))
    def pages_are_read(self, which: int, scanned: int) -> None:
        for name in SENSORS:
            self.run(self.daemons[which].read(name, scanned))

    @rule(which=st.integers(0, 1))
    def retries_are_called(self, which: int) -> None:
        self.run(self.daemons[which].call_due())

    @rule(which=st.integers(0, 1), answer=st.sampled_from(list(ANSWERS)), data=st.data())
    def some_finish(self, which: int, answer: str, data: st.DataObject) -> None:
        unfinished = self.daemons[which].unfinished
        if unfinished:
            for one in data.draw(st.lists(st.sampled_from(unfinished), max_size=3, unique_by=id)):
                self.daemons[which].finish(one, ANSWERS[answer])

    @rule(which=st.integers(0, 1), now=st.sampled_from([0.0, 1.0]), limit=st.integers(1, 5))
    def a_commit(self, which: int, now: float, limit: int) -> None:
        daemon = self.daemons[which]
        self._settle(daemon, daemon.plan(now, limit), keep=True)

    @rule(which=st.integers(0, 1), data=st.data())
    def a_commit_sent_long_ago_arrives(self, which: int, data: st.DataObject) -> None:
        if self.daemons[which].sent:
            late = data.draw(st.sampled_from(self.daemons[which].sent))
            assert self._settle(self.daemons[which], [late], keep=False) == set()

    def _settle(self, daemon: Holder, planned: list[Settlement], *, keep: bool) -> set[str]:
        if not planned:
            return set()
        epochs = self._epochs()
        settled = self.run(daemon.settle(planned))
        for settlement in planned:
            if settlement.sensor_name in settled.sensors:
                assert settlement.lease_epoch == epochs[settlement.sensor_name], "I6: an old epoch took effect"
        self._enter(planned, settled.sensors, settled.rows)
        if keep:
            daemon.apply(planned, settled.sensors)
        return settled.sensors

    @rule(which=st.integers(0, 1))
    @precondition(lambda self: self.in_flight is None)
    def a_commit_loses_its_connection(self, which: int) -> None:
        """It stays on its way; the daemon begins a new term without knowing what becomes of it."""
        daemon = self.daemons[which]
        planned = daemon.plan(1.0, 10)
        if planned:
            transaction = self.bench.unknown.transaction()
            self.run(transaction.start())
            settled = self.run(daemon.settle(planned, self.bench.unknown))
            self.in_flight = (transaction, daemon, planned, settled.sensors, settled.rows)
            daemon.forget()

    @rule(commits=st.booleans())
    @precondition(lambda self: self.in_flight is not None)
    def the_lost_commit_ends(self, commits: bool) -> None:
        assert self.in_flight is not None
        transaction, _, planned, sensors, rows = self.in_flight
        self.in_flight = None
        self.run(transaction.commit() if commits else transaction.rollback())
        if commits:
            self._enter(planned, sensors, rows)

    @rule(which=st.integers(0, 1))
    @precondition(lambda self: self.in_flight is None)
    def places_are_moved(self, which: int) -> None:
        self.run(self.daemons[which].move_idle())

    @rule(which=st.integers(0, 1))
    @precondition(lambda self: self.in_flight is None)
    def leases_are_released(self, which: int) -> None:
        self.run(self.daemons[which].release())

    @rule(which=st.integers(0, 1))
    def a_daemon_looks(self, which: int) -> None:
        self.run(self.daemons[which].look())

    @rule(which=st.integers(0, 1))
    def a_daemon_is_killed(self, which: int) -> None:
        self.daemons[which].forget()

    @rule(name=st.sampled_from(SENSORS))
    @precondition(lambda self: self.in_flight is None)
    def an_operator_raises_the_epoch(self, name: str) -> None:
        raised = "UPDATE runbell.sensors SET lease_epoch = lease_epoch + 1 WHERE sensor_name = $1"
        self.run(self.bench.admin.execute(raised, name))

    # What must never happen

    def _epochs(self) -> dict[str, int]:
        rows = self.run(self.bench.admin.fetch("SELECT sensor_name, lease_epoch FROM runbell.sensors"))
        return {row["sensor_name"]: row["lease_epoch"] for row in rows}

    def _enter(self, planned: list[Settlement], sensors: set[str], rows: set[Any]) -> None:
        for settlement in planned:
            if settlement.sensor_name not in sensors:
                continue
            for evaluation in settlement.finished:
                key = (settlement.sensor_name, evaluation.event.event_id)
                if evaluation.recorded and (*key, 0) not in rows:
                    continue
                if evaluation.conclusion != ANSWERS["again"]:
                    self.ledger[key] += 1
                self.asked |= {(*key, draft.job_name) for draft in evaluation.conclusion.requests}

    @invariant()
    def i2_each_evaluation_takes_effect_once_with_all_its_requests(self) -> None:
        assert not [key for key, times in self.ledger.items() if times > 1]
        rows = self.run(self.bench.admin.fetch("SELECT sensor_name, event_id, job_name FROM runbell.run_requests"))
        assert Counter(tuple(row.values()) for row in rows) == Counter(self.asked)

    @invariant()
    def i5_a_place_passes_only_what_is_settled_or_recorded(self) -> None:
        assert self.run(passed(self.bench.admin)) <= set(self.ledger) | self._recorded("running", "retry", "dead")

    def _recorded(self, *states: str) -> set[tuple[str, int]]:
        wanted = "SELECT sensor_name, event_id FROM runbell.evaluations WHERE state = ANY ($1)"
        return {tuple(row.values()) for row in self.run(self.bench.admin.fetch(wanted, states))}

    def teardown(self) -> None:
        """Whatever has happened: one daemon that lives settles everything in the end (I1)."""
        if self.in_flight is not None:
            self.the_lost_commit_ends(commits=True)
        for writer in list(self.open):
            self.a_writer_ends(writer, kept=True)
        last = self.daemons[0]
        self.run(last.take(OFFERED, [self.daemons[1].identity.daemon_id], len(SENSORS), again=True))
        for _ in range(1000):
            self.run(last.call_due())
            for name in SENSORS:
                self.run(last.read(name, 50))
            for one in last.unfinished:
                last.finish(one, ANSWERS["acted"])
            planned = last.plan(2.0, 100)
            if not planned:
                break
            self._settle(last, planned, keep=True)
        self.i2_each_evaluation_takes_effect_once_with_all_its_requests()
        assert set(self.ledger) == {(name, event_id) for name in SENSORS for event_id in self.committed}
        assert not self._recorded("running", "retry")


def test_i2_i5_i6_two_daemons_in_any_order_settle_each_event_once(bench: Bench) -> None:
    class OnThisServer(Machine):
        pass

    OnThisServer.bench = bench
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    limits = settings(
        max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, suppress_health_check=checks, database=None
    )
    run_state_machine_as_test(OnThisServer, settings=limits)
