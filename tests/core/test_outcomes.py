"""What a function's answer comes to."""

import json
from collections import deque
from enum import StrEnum
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from msgspec.structs import replace

from runbell import Retry, RunRequest, SensorResult, SkipReason
from runbell.core.outcomes import conclude
from runbell.core.sensors import Sensor
from runbell.testing import made_up_event


class DagsterRunReaction(NamedTuple):
    """Stands for Dagster's own, which none of ours is."""

    dagster_run: str
    error: None = None
    run_status: None = None


EVENT = made_up_event(job_name="extract", run_id="r1")


def sensor_with(*targets, function=print):
    return Sensor(name="it", function=function, statuses=frozenset({"SUCCESS"}), request_jobs=targets)


def concluded(returned, *targets, event=EVENT, max_requests=10):
    return conclude(sensor_with(*(targets or ("load",))), "here:it", event, returned, max_requests=max_requests)


def requested(request, *targets, event=EVENT):
    conclusion = concluded(request, *targets, event=event)
    assert conclusion.error is None
    return conclusion.requests[0]


@pytest.mark.parametrize(
    ("returned", "outcome", "reason"),
    [
        (None, "acted", None),
        (RunRequest(), "requested", None),
        ([RunRequest(), RunRequest()], "requested", None),
        ((RunRequest(),), "requested", None),
        (deque([RunRequest()]), "requested", None),
        (SensorResult(run_requests=[RunRequest()]), "requested", None),
        ([SensorResult(run_requests=[RunRequest()])], "requested", None),
        (SensorResult(run_requests=[RunRequest()], skip_reason=""), "requested", None),
        (SkipReason("enough"), "skipped", "enough"),
        (SkipReason(), "skipped", None),
        ([SkipReason("a"), SkipReason("b")], "skipped", "a; b"),
        (SkipReason("a\x00b"), "skipped", "a\\x00b"),
        (SensorResult(skip_reason="enough"), "skipped", "enough"),
        (SensorResult(skip_reason=SkipReason("enough")), "skipped", "enough"),
        ([], "skipped", "the function returned an empty result"),
        (SensorResult(), "skipped", "the function returned an empty result"),
        (SensorResult([RunRequest()]), "requested", None),
        (SensorResult(None, "enough"), "skipped", "enough"),
        (DagsterRunReaction("the run"), "acted", None),
        ([DagsterRunReaction("the run")], "acted", None),
    ],
)
def test_every_answer_has_its_outcome(returned, outcome, reason):
    conclusion = concluded(returned)

    assert (conclusion.outcome, conclusion.reason, conclusion.error) == (outcome, reason, None)
    assert bool(conclusion.requests) is (outcome == "requested")


def test_a_request_is_encoded_with_runbells_own_tags():
    event = made_up_event(tags={"runbell/chain": "2"})
    draft = requested(
        RunRequest(
            run_key="k",
            run_config={"ops": [1, None]},
            tags={"n": 5, "t": "x", "l": [1]},
            partition_key="p",
            asset_selection=["a", ["b", "c"], SimpleNamespace(path=["d"])],
        ),
        event=event,
    )

    assert (draft.job_name, draft.run_key, draft.partition_key) == ("load", "k", "p")
    assert json.loads(draft.run_config) == {"ops": [1, None]}
    assert json.loads(draft.asset_selection) == [["a"], ["b", "c"], ["d"]]
    assert json.loads(draft.tags) == {
        "n": "5", "t": "x", "l": "[1]", "dagster/partition": "p",
        "runbell/sensor": "here:it", "runbell/event_id": str(event.event_id), "runbell/chain": "3",
    }  # fmt: skip


def test_a_partition_tag_of_the_authors_stays():
    draft = requested(RunRequest(partition_key="p", tags={"dagster/partition": "mine", "runbell/sensor": "forged"}))

    assert json.loads(draft.tags)["dagster/partition"] == "mine"
    assert json.loads(draft.tags)["runbell/sensor"] == "here:it"


@pytest.mark.parametrize("chain", ["x", "-1", "", "²", "9" * 5000, 5.5])
def test_a_chain_tag_that_is_no_depth_begins_anew(chain):
    assert (
        json.loads(requested(RunRequest(), event=made_up_event(tags={"runbell/chain": chain})).tags)["runbell/chain"]
        == "1"
    )


@pytest.mark.parametrize(
    ("request_", "targets", "job", "location"),
    [
        (RunRequest(), ("load",), "load", None),
        (RunRequest(job_name="load"), ("report", "load"), "load", None),
        (RunRequest(job_name=SimpleNamespace(name="load")), ("report", "load"), "load", None),
        (RunRequest(), ("there:load",), "load", "there"),
        (RunRequest(job_name="load"), ("there:load", "report"), "load", "there"),
        (RunRequest(job_name="there:load"), ("here:load", "there:load"), "load", "there"),
    ],
)
def test_a_request_goes_to_its_target(request_, targets, job, location):
    draft = requested(request_, *targets)

    assert (draft.job_name, draft.code_location) == (job, location)


def test_objects_of_dagster_are_understood():
    request = type("RunRequest", (), dict.fromkeys(RunRequest.__slots__))()
    config = type("RunConfig", (), {"to_config_dict": lambda self: {"ops": {"a": {}}}})()

    assert concluded(request).outcome == "requested"
    assert json.loads(requested(RunRequest(run_config=config)).run_config) == {"ops": {"a": {}}}


def test_an_empty_run_key_is_none_as_in_dagster():
    assert requested(RunRequest(run_key="", partition_key="")).run_key is None


class Key(StrEnum):
    ONE = "one"


def test_keys_may_be_members_of_an_enum():
    assert requested(RunRequest(run_key=Key.ONE, tags={"a": Key.ONE})).run_key == "one"


def deep(levels):
    value = {}
    for _ in range(levels):
        value = {"a": value}
    return value


ITSELF = {}
ITSELF["itself"] = ITSELF


REFUSED = {
    "text": ("hello", "returned 'hello'"),
    "a number": (5, "returned 5: return None, RunRequests, a SkipReason or a SensorResult"),
    "a dict": ({"run_key": "a"}, "returned {'run_key': 'a'}"),
    "a list with None": ([RunRequest(), None], "with None in it"),
    "lists in a list": ([[RunRequest()], []], "in it"),
    "requests and a skip": ([RunRequest(), SkipReason("a")], "together with a skip reason"),
    "a result with both": (SensorResult(run_requests=[RunRequest()], skip_reason="a"), "together with a skip reason"),
    "a cursor": (SensorResult(cursor="5"), "gave SensorResult(cursor='5'): leave it out"),
    "partitions": (SensorResult(dynamic_partitions_requests=[1]), "dynamic_partitions_requests=[1]"),
    "asset events": (SensorResult(asset_events=[1]), "asset_events=[1]"),
    "results in a list": ([SensorResult(), SensorResult()], "with SensorResult("),
    "too many": ([RunRequest()] * 11, "requested more than 10 runs for one event"),
    "another job": (RunRequest(job_name="report"), "requested a run of 'report', which is not among its request_jobs"),
    "a job that is none": (RunRequest(job_name=5), "gave RunRequest(job_name=5), which is not a job"),
    "a key that is a number": (RunRequest(run_key=5), "run_key=5), which is not text: give str(...) of it"),
    "a long key": (RunRequest(run_key="k" * 4000), "which has 4000 bytes, at most 500 are allowed"),
    "a key with NUL": (RunRequest(run_key="a\x00"), "which contains NUL"),
    "a partition with a surrogate": (RunRequest(partition_key="\ud800"), "which contains a lone surrogate"),
    "a partition that is a date": (RunRequest(partition_key=deque()), "partition_key=deque([])), which is not text"),
    "NaN": (RunRequest(run_config={"a": float("nan")}), "gave RunRequest(run_config={'a': nan}), which is not JSON"),
    "infinity": (RunRequest(run_config={"a": [float("inf")]}), "which is not JSON"),
    "NUL": (RunRequest(run_config={"a": "\\\x00"}), "which contains NUL"),
    "NUL in a key": (RunRequest(tags={"\x00": "a"}), "which contains NUL"),
    "a lone surrogate": (RunRequest(run_config={"a": "\udcff"}), "which contains a lone surrogate"),
    "a set": (RunRequest(run_config={"a": {1}}), "which is not JSON"),
    "bytes in tags": (RunRequest(tags={"a": b"x"}), "gave RunRequest(tags=b'x'), which is not JSON"),
    "deep JSON": (RunRequest(run_config=deep(50_000)), "which is nested too deeply"),
    "JSON in itself": (RunRequest(run_config=ITSELF), "which is not JSON (Circular reference detected)"),
    "a huge number": (RunRequest(run_config={"a": 10**200_000}), "which is not JSON"),
    "config that is text": (RunRequest(run_config="ops: {}"), "run_config='ops: {}'), which is no dict"),
    "tags that are a list": (RunRequest(tags=["a"]), "gave RunRequest(tags=['a']), which is no dict"),
    "tags with numbers as keys": (RunRequest(tags={1: "a"}), "which is no dict with text as keys"),
    "assets that are text": (RunRequest(asset_selection="a"), "asset_selection='a'), which is no list of asset keys"),
    "an asset that is none": (RunRequest(asset_selection=[5]), "with 5 in it, which is no asset key"),
    "stale assets": (RunRequest(stale_assets_only=True), "stale_assets_only=True), which no launcher knows"),
    "asset checks": (RunRequest(asset_check_keys=["a"]), "asset_check_keys=['a']), which no launcher knows"),
}  # fmt: skip


@pytest.mark.parametrize(("returned", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_understood_or_stored_fails_for_good_and_says_what_it_was(returned, said):
    conclusion = concluded(returned)

    assert (conclusion.outcome, conclusion.final, conclusion.mistake) == ("failed", True, False)
    assert conclusion.error.startswith("sensor 'here:it' ")
    assert said in conclusion.error
    assert conclusion.requests == ()


def test_a_backslash_before_u0000_is_no_nul():
    assert json.loads(requested(RunRequest(run_config={"a": "\\u0000"})).run_config) == {"a": "\\u0000"}


def test_requests_need_a_target_and_a_choice_among_several():
    assert "has no job to request" in conclude(sensor_with(), "it", EVENT, RunRequest(), max_requests=1).error
    assert "request_jobs are load, report: name one" in concluded(RunRequest(), "load", "report").error


async def never_awaited():
    return None


def test_a_coroutine_is_refused_and_closed():
    assert "returned <coroutine object never_awaited" in concluded(never_awaited()).error


class Hostile:
    """Raises whatever it is asked."""

    def __getattribute__(self, name):
        raise ZeroDivisionError(name)

    def __repr__(self):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    "holding",
    [lambda it: it, lambda it: [it], lambda it: RunRequest(run_config=it), lambda it: RunRequest(tags={"a": it})],
)
def test_an_object_that_raises_when_looked_at_is_no_more_than_a_failure(holding):
    conclusion = concluded(holding(Hostile()))

    assert (conclusion.outcome, conclusion.final) == ("failed", True)
    assert "which cannot be read: Traceback" in conclusion.error


ANYTHING = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text() | some.binary(),
    lambda inner: some.lists(inner, max_size=3)
    | some.dictionaries(some.text() | some.integers(), inner, max_size=3)
    | some.builds(SkipReason, inner)
    | some.builds(RunRequest, run_key=inner, run_config=inner, tags=inner, job_name=inner, asset_selection=inner,
                  partition_key=inner)
    | some.builds(SensorResult, run_requests=inner, skip_reason=inner, cursor=inner),
    max_leaves=8,
)  # fmt: skip


@settings(deadline=None)
@given(ANYTHING)
def test_whatever_is_returned_comes_to_something_that_can_be_stored(returned):
    conclusion = concluded(returned)

    assert conclusion.outcome in {"acted", "requested", "skipped", "failed"}
    for text in (
        conclusion.error,
        conclusion.reason,
        *(part for draft in conclusion.requests for part in storage(draft)),
    ):
        assert text is None or "\x00" not in text.encode().decode()
    for draft in conclusion.requests:
        assert all(isinstance(value, str) for value in json.loads(draft.tags).values())


def storage(draft):
    return (draft.job_name, draft.run_key, draft.partition_key, draft.asset_selection, draft.run_config, draft.tags)


def test_tags_that_cannot_be_read_make_no_chain():
    event = made_up_event(tags={"runbell/chain": "1"})
    broken = replace(event, tags='{"runbell/chain": 1')

    draft = requested(RunRequest(), event=broken)

    assert json.loads(draft.tags)["runbell/chain"] == "1"


def test_a_generator_inside_a_result_may_ask_for_another_call():
    def asking():
        raise Retry(after=5, reason="later")
        yield RunRequest()

    conclusion = concluded(SensorResult(run_requests=asking()))

    assert (conclusion.outcome, conclusion.final) == ("failed", False)
    assert conclusion.error == "Retry: later"


async def test_a_coroutine_that_nobody_awaited_is_named_and_closed():
    async def answer():
        return RunRequest()

    assert "coroutine" in (concluded(answer()).error or "")


def test_dagsters_own_reason_which_is_a_tuple_is_one_reason():
    class SkipReason(NamedTuple):
        skip_message: str

    conclusion = concluded(SkipReason("nothing to do"))

    assert (conclusion.outcome, conclusion.reason) == ("skipped", "nothing to do")
