"""Filters beyond statuses and jobs: exclusions, tags, partitions, origins; from the declaration to the decision."""

import json

import pytest

from runbell import run_status_sensor
from runbell.core.filters import Filter
from runbell.testing import evaluate


def reached(asked, **happened):
    @run_status_sensor("SUCCESS", **asked)
    def watch(context): ...

    wanted = watch.filter(None)
    stored = Filter.read(json.dumps(wanted.to_dict()))
    assert stored is not None
    assert (stored, stored.to_dict()) == (wanted, wanted.to_dict())
    return evaluate(watch, **happened).outcome == "acted"


@pytest.mark.parametrize(
    ("asked", "seen", "unseen"),
    [
        ({"excluded_jobs": ["etl_test"]}, [("etl", None)], [("etl_test", None), ("etl_test", "eu")]),
        ({"excluded_jobs": ["eu:etl*"]}, [("etl", None), ("etl", "us")], [("etl", "eu"), ("etl_1", "eu")]),
        ({"monitored_jobs": ["etl*"], "excluded_jobs": ["*_test"]}, [("etl", None)], [("etl_test", None), ("a", None)]),
        ({"monitored_jobs": ["eu:*"], "excluded_jobs": ["etl"]}, [("a", "eu")], [("etl", "eu"), ("a", None)]),
    ],
)
def test_excluded_jobs_are_not_seen(asked, seen, unseen):
    assert all(reached(asked, job_name=job, code_location=location) for job, location in seen)
    assert not any(reached(asked, job_name=job, code_location=location) for job, location in unseen)


@pytest.mark.parametrize(
    ("asked", "seen", "unseen"),
    [
        ({"team": "data"}, [{"team": "data", "more": "1"}], [{}, {"team": "data2"}, {"Team": "data"}]),
        ({"team": "data*"}, [{"team": "data"}, {"team": "data-eu"}], [{"team": "a data"}]),
        ({"team": ["data", "ml"]}, [{"team": "ml"}], [{"team": "ops"}]),
        ({"team": True}, [{"team": ""}, {"team": "x"}], [{}]),
        ({"team": False}, [{}], [{"team": ""}]),
        ({"team": ""}, [{"team": ""}], [{}, {"team": "x"}]),
        ({"tries": "3"}, [{"tries": 3}, {"tries": "3"}], [{"tries": 3.0}]),
        ({"team": "data", "draft": False}, [{"team": "data"}], [{"team": "data", "draft": "yes"}, {}]),
        ({"team": "[*]"}, [{"team": "*"}], [{"team": "data"}]),
    ],
)
def test_tags_are_asked_for_by_value_glob_presence_and_absence(asked, seen, unseen):
    assert all(reached({"monitored_tags": asked}, tags=tags) for tags in seen)
    assert not any(reached({"monitored_tags": asked}, tags=tags) for tags in unseen)


def test_partitions_are_asked_for_by_key_and_glob():
    asked = {"monitored_partitions": ["2026-01-*", "all"]}

    assert reached(asked, partition_key="2026-01-31")
    assert reached(asked, partition_key="all")
    assert not reached(asked, partition_key="2026-02-01")
    assert not reached(asked)
    assert not reached({"monitored_partitions": ["*"]})


@pytest.mark.parametrize(
    ("tags", "origin"),
    [
        ({}, "manual"),
        ({"team": "data"}, "manual"),
        ({"dagster/schedule_name": "nightly"}, "schedule"),
        ({"dagster/sensor_name": "watch"}, "sensor"),
        ({"runbell/sensor": "watch"}, "sensor"),
        ({"dagster/backfill": "abc", "dagster/schedule_name": "nightly"}, "backfill"),
    ],
)
def test_an_origin_is_told_from_the_tags(tags, origin):
    for asked in ("manual", "schedule", "sensor", "backfill"):
        assert reached({"monitored_origins": [asked]}, tags=tags) is (asked == origin)


def test_a_filter_that_asks_for_nothing_new_is_stored_as_it_always_was():
    assert Filter(frozenset({"SUCCESS"})).to_dict().keys() == {"statuses", "jobs", "scope", "own_runs"}
