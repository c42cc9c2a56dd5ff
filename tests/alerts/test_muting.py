"""After an alert none like it is sent within its window, by whichever process, and only because one really was sent."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from runbell import DefinitionError, RetryPolicy, build_run_status_sensor_context, make_teams_on_run_failure_sensor
from runbell.alerts.refusals import Later
from runbell.core.muting import Claim, remembering
from runbell.core.sensors import Sensor
from runbell.store.alerts import claim_alert, settle_alert
from runbell.testing import VirtualDaemon, evaluate
from support.channels import Answer, Web, web
from support.daemons import record, running, until

HOUR = 3600.0


@pytest.fixture
def teams() -> Iterator[Web]:
    with web(lambda _: Answer(202)) as opened:
        yield opened


def alert(teams: Web, dedupe: Any = HOUR, **more: Any) -> Sensor:
    return make_teams_on_run_failure_sensor(
        teams.url, lambda context: context.dagster_run.run_id, name="tell", dedupe=dedupe, **more
    )


def told(teams: Web) -> list[str]:
    """The runs that were told of."""
    return [posted.document["attachments"][0]["content"]["body"][0]["text"] for posted in teams.received]


def test_the_next_of_a_job_is_muted_until_the_window_ends_and_then_counted(teams: Web) -> None:
    daemon = VirtualDaemon(make_teams_on_run_failure_sensor(teams.url, name="tell", dedupe=timedelta(hours=1)))
    for run_id in ("r1", "r2", "r3"):
        daemon.record(job_name="load", run_id=run_id, status="FAILURE")
        daemon.advance(75)
    daemon.record(job_name="other", run_id="r4", status="FAILURE")
    daemon.advance(HOUR)
    daemon.record(job_name="load", run_id="r5", status="FAILURE")

    assert [call.outcome for call in daemon.calls] == ["acted", "skipped", "skipped", "acted", "acted"]
    assert daemon.calls[2].evaluated.reason == "muted: an alert for load was sent 2 min 30 s ago; 2 were not sent since"
    facts = teams.received[-1].document["attachments"][0]["content"]["body"][-1]["facts"]
    assert {"title": "Not told since the last alert", "value": "2"} in facts
    assert len(teams.received) == 3


class Busy:
    """A memory in which another evaluation is about to send."""

    def claim(self, *_: object) -> Claim:
        return Claim("busy", 0, 2.0)

    def settle(self, *_: object, sent: bool) -> None:
        raise AssertionError(sent)


def test_another_that_is_sending_is_waited_for_no_shorter_than_the_retries_say(teams: Web) -> None:
    context = build_run_status_sensor_context(status="FAILURE", sensor_name="tell")
    with remembering(Busy()), pytest.raises(Later, match="another evaluation is sending an alert") as raised:
        alert(teams)(context)

    assert (raised.value.after, raised.value.at_least) == (2.0, True)


def test_what_makes_two_alerts_one_can_be_said(teams: Web) -> None:
    daemon = VirtualDaemon(alert(teams, dedupe_key=lambda context: context.partition_key))
    for run_id, partition in (("r1", "monday"), ("r2", "tuesday"), ("r3", "monday")):
        daemon.record(job_name="load", run_id=run_id, partition_key=partition, status="FAILURE")

    assert told(teams) == ["r1", "r2"]


def test_only_what_was_sent_mutes_others(teams: Web) -> None:
    teams.answer = lambda _: Answer(500)
    daemon = VirtualDaemon(alert(teams, retry=RetryPolicy(attempts=2, backoff_seconds=10)))
    daemon.record(job_name="load", run_id="r1", status="FAILURE")
    teams.answer = lambda _: Answer(202)
    daemon.record(job_name="load", run_id="r2", status="FAILURE")
    daemon.finish()

    assert told(teams) == ["r1", "r2"]
    assert [(call.run_id, call.outcome) for call in daemon.calls] == [
        ("r1", "failed"),
        ("r2", "acted"),
        ("r1", "skipped"),
    ]


def test_without_a_daemon_nothing_is_muted(teams: Web) -> None:
    for run_id in ("r1", "r2"):
        assert evaluate(alert(teams), run_id=run_id).outcome == "acted"


async def test_a_restart_and_another_process_mute_as_well(
    database_url: str, connection: "asyncpg.Connection[asyncpg.Record]", teams: Web
) -> None:
    async def skipped() -> int:
        return int(await connection.fetchval("SELECT coalesce(sum(skipped), 0) FROM runbell.ticks"))

    async with running(database_url, alert(teams)) as first:
        await record(connection, "r1", "FAILURE", job="load")
        await record(connection, "r2", "FAILURE", job="load")
        await until(skipped, (1).__eq__)
        async with running(database_url, alert(teams)):
            # The other one has the lease from here on.
            first.stop()
            await record(connection, "r3", "FAILURE", job="load")
            await record(connection, "r4", "FAILURE", job="other")
            await until(skipped, (2).__eq__)
    async with running(database_url, alert(teams)):
        await record(connection, "r5", "FAILURE", job="load")
        await until(skipped, (3).__eq__)

    assert sorted(told(teams)) == ["r1", "r4"]
    assert await connection.fetchval("SELECT muted FROM runbell.alerts WHERE alert_key = 'load'") == 3


@pytest.mark.parametrize("dedupe", [0, -1, "1h", True, timedelta(days=-1), 1e12])
def test_a_window_that_is_none_is_found_at_import(dedupe: Any) -> None:
    with pytest.raises(DefinitionError, match=r"^sensor 'tell': dedupe=.* is no length of time: give seconds or a t"):
        make_teams_on_run_failure_sensor("http://hook", name="tell", dedupe=dedupe)


def test_what_makes_two_alerts_one_must_be_a_function() -> None:
    with pytest.raises(DefinitionError, match=r"^sensor 'tell': dedupe_key='job' is no function: give one that takes"):
        make_teams_on_run_failure_sensor("http://hook", name="tell", dedupe_key="job")  # type: ignore[arg-type]


class TestStored:
    """What the database remembers."""

    @pytest.fixture(autouse=True)
    def _session(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self.session = connection

    async def claim(self, evaluation: str, *, window: float = HOUR, hold: float = 60, key: str = "load") -> Claim:
        return await claim_alert(self.session, "tell", key, evaluation, window, hold)

    async def settle(self, evaluation: str, *, sent: bool, key: str = "load", keep: float = HOUR) -> None:
        await settle_alert(self.session, "tell", key, evaluation, keep, sent=sent)

    async def sent_ago(self, ago: str) -> None:
        await self.session.execute("UPDATE runbell.alerts SET sent_at = now() - $1::text::interval", ago)

    async def test_one_sends_and_others_wait_for_what_comes_of_it(self) -> None:
        assert (await self.claim("a")).state == "granted"
        busy = await self.claim("b")
        assert (busy.state, 0 < busy.seconds <= 60) == ("busy", True)
        # Whoever died while sending is called again, and need not wait for himself.
        assert (await self.claim("a")).state == "granted"
        await self.settle("a", sent=False)
        assert (await self.claim("b")).state == "granted"

    async def test_what_was_sent_mutes_and_each_is_counted_once(self) -> None:
        await self.claim("a")
        await self.settle("a", sent=True)
        assert [(await self.claim(by)).muted for by in ("b", "b", "c", "d")] == [1, 1, 2, 3]
        again = await self.claim("a")
        assert (again.state, again.muted) == ("sent", 3)
        await self.sent_ago("59 minutes")
        assert (await self.claim("e")).state == "muted"
        await self.sent_ago("61 minutes")
        assert (await self.claim("f")).state == "granted"
        assert (await self.claim("g", key="other")).state == "granted"

    async def test_the_count_begins_anew_with_the_next_that_is_sent(self) -> None:
        await self.claim("a")
        await self.settle("a", sent=True)
        await self.claim("b")
        await self.sent_ago("2 hours")
        assert (await self.claim("c")).muted == 1
        await self.settle("c", sent=True)
        assert (await self.claim("d")).muted == 1

    async def test_a_claim_runs_out_and_what_was_sent_nevertheless_counts(self) -> None:
        await self.claim("a", hold=-1)
        assert (await self.claim("b")).state == "granted"
        await self.settle("a", sent=True)
        assert (await self.claim("c")).state == "muted"
        await self.settle("b", sent=False)
        assert (await self.claim("c")).state == "muted"

    async def test_a_clock_that_was_set_back_mutes_nobody(self) -> None:
        await self.claim("a")
        await self.settle("a", sent=True)
        await self.sent_ago("-2 hours")
        assert (await self.claim("b")).state == "granted"

    async def test_what_is_long_past_is_forgotten(self) -> None:
        await self.claim("a", key="old")
        await self.settle("a", sent=True, key="old")
        await self.session.execute(
            "UPDATE runbell.alerts SET sent_at = now() - interval '3 h', claimed_until = now() - interval '3 h'"
        )
        await self.claim("b", key="tried", hold=-7200)
        await self.claim("c")
        await self.settle("c", sent=True)
        assert await self.session.fetch("SELECT alert_key FROM runbell.alerts") == [("load",)]
