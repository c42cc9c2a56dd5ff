"""The key of a call: one for one sensor, event and replay, whoever makes it, and fit for a header."""

import re

import msgspec
from hypothesis import given
from hypothesis import strategies as some

from runbell import Sensor, build_run_status_sensor_context, run_failure_sensor
from runbell.core.contexts import build_context
from runbell.core.idempotency import idempotency_key
from runbell.testing import evaluate, made_up_event

EVENT = made_up_event(run_id="r1", event_id=7)


@given(some.text(), some.text(), some.integers(0, 2**63), some.integers(0, 2**63))
def test_it_is_short_and_plain_whatever_the_names(sensor_name, run_id, event_id, replay):
    key = idempotency_key(sensor_name, made_up_event(run_id=run_id, event_id=event_id), replay)

    assert re.fullmatch(r"[A-Za-z0-9._-]{1,255}", key)


def test_it_differs_by_sensor_event_and_replay_and_by_nothing_else():
    key = idempotency_key("alert", EVENT, 0)

    others = [
        idempotency_key("other", EVENT, 0),
        idempotency_key("alert", EVENT, 1),
        idempotency_key("alert", msgspec.structs.replace(EVENT, event_id=8), 0),
        # The same id in another database.
        idempotency_key("alert", msgspec.structs.replace(EVENT, run_id="r2"), 0),
        idempotency_key("alert", msgspec.structs.replace(EVENT, recorded_at=EVENT.recorded_at + 1e-6), 0),
    ]
    assert len({key, *others}) == 6
    assert idempotency_key("alert", msgspec.structs.replace(EVENT, message="x", started_at=5.0), 0) == key


def test_names_that_look_alike_in_it_are_still_told_apart():
    assert idempotency_key("a:b", EVENT, 0) != idempotency_key("a-b", EVENT, 0)
    assert len(idempotency_key("a" * 500, EVENT, 2**63)) <= 255
    assert idempotency_key("a" * 150, EVENT, 0) != idempotency_key("a" * 151, EVENT, 0)


def test_the_context_has_it_in_the_daemon_and_in_tests():
    sensor = Sensor(name="alert", function=print, statuses=frozenset({"FAILURE"}), is_failure=True)
    made = build_context(sensor, "alert", EVENT, None, replay=3)
    given = build_run_status_sensor_context(sensor_name="alert", run_id="r1", event_id=7, replay=3)

    assert made.idempotency_key == given.idempotency_key == idempotency_key("alert", EVENT, 3)
    assert given.for_run_failure().idempotency_key == given.idempotency_key


def test_a_sensor_that_is_tested_sees_the_same_key_each_time():
    keys = []

    @run_failure_sensor
    def alert(context):
        keys.append(context.idempotency_key)

    for event_id in (1, 1, 2):
        evaluate(alert, run_id="r1", event_id=event_id)

    assert keys[0] == keys[1] != keys[2]
