"""What an exception of a function comes to."""

import json

import pytest

from runbell import NotHereError, Retry, build_run_status_sensor_context
from runbell.core.instances import Instance
from runbell.core.outcomes import conclude_raised
from runbell.core.sensors import Sensor


def raised(function, *arguments):
    sensor = Sensor(name="it", function=function, statuses=frozenset({"SUCCESS"}))
    try:
        function(*arguments)
    except BaseException as error:  # noqa: BLE001
        return conclude_raised(error, sensor)
    raise AssertionError("it should have raised")


def test_a_traceback_begins_at_the_sensor_and_is_storable():
    def failing():
        raise ValueError("a\x00b\ud800")

    conclusion = raised(failing)

    assert conclusion.error.splitlines()[-1] == "ValueError: a\\x00b\\ud800"
    assert (conclusion.outcome, conclusion.final, conclusion.mistake) == ("failed", False, False)


def test_a_long_traceback_keeps_its_head_and_its_tail():
    def failing():
        raise ValueError("é" * 50_000 + "the end")

    error = raised(failing).error
    assert error.startswith("Traceback")
    assert error.endswith("the end")
    assert "bytes left out" in error
    assert len(error.encode()) < 20_100


def own_mistake():
    return {}["missing"]


def mistake_elsewhere():
    json.loads(None)


def asked_for_what_is_not_here():
    Instance("test", None, None).get_job_snapshot("s1")


def refused_by_the_world():
    raise ConnectionError("down")


@pytest.mark.parametrize(
    ("function", "mistake"),
    [
        (own_mistake, True),
        (mistake_elsewhere, False),
        (asked_for_what_is_not_here, True),
        (refused_by_the_world, False),
    ],
)
def test_only_an_error_of_the_sensors_own_code_is_its_mistake(function, mistake):
    assert raised(function).mistake is mistake


def test_a_function_that_asks_for_another_call_gets_it_when_it_says():
    def asking():
        raise Retry(after=30, reason="not yet")

    conclusion = raised(asking)

    assert (conclusion.outcome, conclusion.retry_after, conclusion.reason) == ("failed", 30, "not yet")


def test_leaving_the_process_is_a_failure_like_any_other():
    def leaving():
        raise SystemExit(3)

    assert raised(leaving).error.endswith("SystemExit: 3")


def test_what_is_not_here_reads_as_an_attribute_error_too():
    with pytest.raises(AttributeError):
        build_run_status_sensor_context().instance.get_job_snapshot()
    assert issubclass(NotHereError, AttributeError)


class UnshowableError(Exception):
    def __str__(self):
        raise ValueError


def test_an_exception_that_cannot_be_shown_is_named():
    def failing():
        raise UnshowableError

    assert "UnshowableError" in raised(failing).error


class UnspeakableError(Exception):
    def __str__(self):
        raise RuntimeError("no")

    @property
    def __notes__(self):
        raise RuntimeError("not even this")


def test_an_exception_that_cannot_be_shown_is_named_all_the_same():
    def fails():
        raise UnspeakableError

    assert "UnspeakableError" in (raised(fails).error or "")
