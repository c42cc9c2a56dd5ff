"""What a scrape of a real daemon says of the way of an event, and of how its processes are."""

import asyncpg

from support.daemons import record, requested_keys, until
from support.http import fetch
from support.serving import serving


async def test_each_step_of_an_event_is_measured_in_the_process_that_takes_it(database_url, tmp_path):
    with serving(tmp_path, database_url, RUNBELL_HTTP_PORT="0") as served:
        port = served.until("daemon_started")["http_port"]
        session = await asyncpg.connect(database_url)
        for number in range(3):
            await record(session, f"r{number}")
        await until(lambda: requested_keys(session), lambda keys: len(keys) == 3)
        await session.close()

        found = await until(
            lambda: scraped(port), lambda samples: samples["runbell_request_latency_seconds_count"] == 3
        )

    for step in ("seen", "evaluated", "request"):
        assert found[f"runbell_{step}_latency_seconds_count"] == 3
    assert (
        0
        < found["runbell_seen_latency_seconds_sum"]
        <= found["runbell_evaluated_latency_seconds_sum"]
        <= found["runbell_request_latency_seconds_sum"]
        < 30
    )
    assert found["runbell_evaluation_duration_seconds_count"] == 3
    assert found['runbell_evaluation_seconds_total{sensor="answer"}'] > 0
    assert found["runbell_leases"] == 1
    assert found["runbell_reads_total"] >= 1
    assert found['runbell_wakeups_total{by="ring"}'] >= 0
    assert found['runbell_pool_connections{state="used"}'] + found['runbell_pool_connections{state="idle"}'] > 0
    assert found["runbell_loop_delay_seconds"] >= 0
    assert found['runbell_sensors{state="owned"}'] == 1
    assert found['runbell_daemons{role="active"}'] == 1
    assert found["runbell_queue_age_seconds"] > 0


async def scraped(port):
    return (await fetch(port, "/metrics")).samples
