"""Chains: how many sensors stand behind a run, and where that ends."""

import pytest

from runbell import RunRequest, run_failure_sensor, run_status_sensor
from runbell.core.drafts import CHAIN_TAG, MAX_CHAIN_DEPTH
from runbell.core.outcomes import conclude
from runbell.testing import evaluate, made_up_event


@run_status_sensor("SUCCESS", request_job="j")
def follow(context):
    return RunRequest()


def test_each_request_stands_one_sensor_further():
    tags = {}
    for depth in range(1, MAX_CHAIN_DEPTH + 1):
        tags = evaluate(follow, tags=tags).requests[0].tags
        assert tags[CHAIN_TAG] == str(depth)

    ended = evaluate(follow, tags=tags, run_id="the-last", job_name="load")
    assert (ended.outcome, ended.final, ended.requests) == ("failed", True, ())
    assert ended.error == (
        "sensor 'follow' requested a run after run the-last of job load, behind which 20 sensors stand one after"
        " another: if they go round in circles, filter that out; else raise RUNBELL_MAX_CHAIN_DEPTH (20) and retry"
        " this evaluation"
    )


def test_who_requests_nothing_is_called_at_any_depth():
    @run_failure_sensor
    def alert(context): ...

    assert evaluate(alert, tags={CHAIN_TAG: "1000"}).outcome == "acted"


@pytest.mark.parametrize(("depth", "outcome"), [(2, "requested"), (3, "failed")])
def test_the_limit_is_a_setting(depth, outcome):
    event = made_up_event(tags={CHAIN_TAG: str(depth)})

    assert conclude(follow, "follow", event, RunRequest(), max_requests=1, max_depth=3).outcome == outcome
