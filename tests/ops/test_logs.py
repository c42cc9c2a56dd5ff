"""The log: one event a line, whatever is in it."""

import json
import logging
import os
import re
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from runbell.ops import logs
from support.processes import python


@pytest.fixture
def read_lines():
    """Gives a function that configures the log, and one that reads what was written to it."""
    reading, writing = os.pipe()

    def configure(log_format="json", level="info"):
        logs.configure(log_format, level, writing)
        return structlog.get_logger()

    def read():
        os.set_blocking(reading, False)
        try:
            return os.read(reading, 1_000_000).decode().splitlines()
        except BlockingIOError:
            return []

    yield configure, read
    structlog.reset_defaults()
    logging.basicConfig(handlers=[], force=True)
    os.close(reading)
    os.close(writing)


def test_a_line_is_an_object_with_event_level_and_timestamp(read_lines):
    configure, read = read_lines
    configure().info("sensor_evaluated", sensor="alert", event_id=7, lag_ms=1.5, request_ids=[1, 2])

    (line,) = map(json.loads, read())

    moment = datetime.fromisoformat(line.pop("timestamp"))
    assert timedelta(0) <= datetime.now(UTC) - moment < timedelta(seconds=10)
    assert line == {
        "level": "info",
        "event": "sensor_evaluated",
        "sensor": "alert",
        "event_id": 7,
        "lag_ms": 1.5,
        "request_ids": [1, 2],
    }


def test_what_is_below_the_level_is_not_written(read_lines):
    configure, read = read_lines
    log = configure(level="warning")
    log.info("not_written")
    log.warning("written")
    logging.getLogger("library").info("not written")

    assert [json.loads(line)["event"] for line in read()] == ["written"]


class Unspeakable:
    def __repr__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({1, 2}, [1, 2]),
        ({(1, 2): 3}, {"(1, 2)": 3}),
        (float("nan"), None),
        ("\ud800", "'\\ud800'"),
        (10**40, 10**40),
        (Unspeakable(), "(Unspeakable that cannot be shown)"),
        ([Unspeakable()], "(list that cannot be shown)"),
        (ValueError("odd"), "ValueError('odd')"),
    ],
)
def test_any_value_can_be_written(read_lines, value, written):
    configure, read = read_lines
    configure().info("odd", value=value, other=1)

    (line,) = map(json.loads, read())

    assert (line["value"], line["other"], line["event"]) == (written, 1, "odd")


def test_no_value_can_pretend_to_be_the_level(read_lines):
    configure, read = read_lines
    configure().info("odd", level="critical", timestamp="never")

    (line,) = map(json.loads, read())

    assert (line["level"], line["level_"], line["timestamp_"]) == ("info", "critical", "never")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_passwords_are_masked_wherever_they_stand(read_lines, log_format):
    configure, read = read_lines
    configure(log_format).warning("lost", url="postgresql://a:secret@h/d", deep={"urls": ["https://b:secret@h"]})
    try:
        raise ValueError("postgresql://a:secret@h/d")
    except ValueError:
        structlog.get_logger().exception("broken")

    text = "\n".join(read())
    assert "secret" not in text
    assert "a:***@h/d" in text


def test_a_traceback_stays_on_its_line(read_lines):
    configure, read = read_lines
    log = configure()
    try:
        raise ValueError("odd")
    except ValueError:
        log.exception("broken")

    (line,) = map(json.loads, read())
    assert line["level"] == "error"
    assert line["exception"].endswith("ValueError: odd")


def test_arguments_are_filled_in_as_in_logging(read_lines):
    configure, read = read_lines
    configure().info("started %s of %d", "load", 3)

    assert json.loads(read()[0])["event"] == "started load of 3"


def test_what_others_log_becomes_a_line_like_any_other(read_lines):
    configure, read = read_lines
    configure()
    logging.getLogger("users.module").warning("100%% of %s", "it")

    (line,) = map(json.loads, read())
    assert (line["event"], line["level"], line["logger"]) == ("100% of it", "warning", "users.module")


def test_a_record_that_cannot_be_formatted_harms_nobody(read_lines, capsys):
    configure, read = read_lines
    log = configure()
    logging.getLogger("users.module").warning("%d", "not a number")
    log.info("afterwards")

    assert [json.loads(line)["event"] for line in read()] == ["afterwards"]
    assert "not a number" in capsys.readouterr().err


def test_a_reader_that_went_away_does_not_stop_the_writer():
    reading, writing = os.pipe()
    os.close(reading)
    logger = logs.LineLogger(writing)

    logger.info(b"nobody reads this\n")

    os.close(writing)


def test_a_person_reads_columns_without_colours_in_a_file(read_lines):
    configure, read = read_lines
    configure("console").info("sensor_evaluated", sensor="alert", outcome="acted")

    (line,) = read()
    assert re.fullmatch(r"\d\d:\d\d:\d\d \[info +\] sensor_evaluated +sensor=alert outcome=acted", line)


def test_what_is_printed_goes_to_stderr_even_from_below_python():
    said = python(
        "import os, sys, subprocess, structlog\n"
        "from runbell.ops import logs\n"
        "logs.configure('json', 'info', logs.keep_stdout())\n"
        "print('printed'); os.write(1, b'written'); subprocess.run(['echo', 'by a child'], check=True)\n"
        "structlog.get_logger().info('logged')\n"
    )

    assert [json.loads(line)["event"] for line in said.splitlines()] == ["logged"]
