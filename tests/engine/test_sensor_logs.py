"""`context.log` takes what Python's `logging` takes, and no message makes a function fail."""

import logging
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from runbell.engine.sensor_logs import SensorLog
from runbell.testing import made_up_event


class Unshowable:
    def __repr__(self) -> str:
        raise ValueError


@pytest.fixture
def log() -> SensorLog:
    return SensorLog("alert", made_up_event(run_id="r1", event_id=7))


@pytest.mark.parametrize(
    ("level", "given", "fields", "said"),
    [
        ("info", ("plain",), {}, "plain"),
        ("info", ("100% of it",), {}, "100% of it"),
        ("debug", ("%s of %d", "load", 3), {}, "load of 3"),
        ("warning", ("%(job)s", {"job": "etl"}), {}, "etl"),
        ("error", ("%d", "three"), {}, "%d ('three',)"),
        ("error", ("no place for it", "three"), {}, "no place for it ('three',)"),
        ("critical", (), {"msg": "by name"}, "by name"),
        ("info", ({"job": "etl"},), {}, {"job": "etl"}),
    ],
)
def test_a_message_is_written_whatever_it_looks_like(
    log: SensorLog, level: str, given: tuple[Any, ...], fields: dict[str, Any], said: object
) -> None:
    with capture_logs() as lines:
        getattr(log, level)(*given, **fields)

    assert lines == [{"event": said, "log_level": level, "sensor": "alert", "event_id": 7, "run_id": "r1"}]


def test_the_other_methods_of_logging_are_there(log: SensorLog) -> None:
    with capture_logs() as lines:
        log.warn("a")  # noqa: G010 - it is what is tested
        log.fatal("b")
        log.log(logging.ERROR, "c %s", 1)
        log.log(5, "d")
        log.getChild("more").info("e")
        log.setLevel("DEBUG")
        try:
            raise ConnectionError("away")
        except ConnectionError:
            log.exception("f")

    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("a", "warning"),
        ("b", "critical"),
        ("c 1", "error"),
        ("d", "debug"),
        ("e", "info"),
        ("f", "error"),
    ]
    assert lines[-1]["exc_info"] is True
    assert (log.name, log.isEnabledFor(logging.INFO)) == ("alert", True)
    assert log.bind(team="data") is not None


def test_fields_become_keys_and_those_without_meaning_are_left_out(log: SensorLog) -> None:
    with capture_logs() as lines:
        log.info("sent", extra={"channel": "#alerts", "event": "mine", 5: "five"}, stacklevel=2, stack_info=False, n=1)

    (line,) = lines
    assert (line["event"], line["channel"], line["event_"], line["5"], line["n"]) == (
        "sent",
        "#alerts",
        "mine",
        "five",
        1,
    )
    assert "stacklevel" not in line


def test_what_is_not_written_is_not_formatted_either(log: SensorLog) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        log.info("%r", Unshowable())
        assert not log.isEnabledFor(logging.INFO)
    finally:
        structlog.reset_defaults()
