"""What the console is made of: sessions that cannot write, lists and plots of any size, lines kept within bounds."""

import json
import math
from types import SimpleNamespace

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbell.core.durations import spoken
from runbell.core.troubles import troubles
from runbell.ops.console.access import Access
from runbell.ops.console.log_lines import LogLines
from runbell.ops.console.looking import Look, Question, QuestionError
from runbell.ops.console.pages import PAGES
from runbell.ops.console.plots import HEIGHT, WIDTH, Point, plot
from runbell.ops.console.rendering import clock, quoted, render
from runbell.ops.console.sensor_list import ORDERS, ROWS, SHOWN, list_page
from runbell.ops.console.site import CLOSED
from runbell.ops.standing import Standing
from support.daemons import record


def sensor(name, **more):
    given = {
        "sensor_name": name,
        "active": True,
        "orphaned": False,
        "owned": True,
        "failing_seconds": 0.0,
        "lag_seconds": 0.0,
        "lag_events": 0,
        "dead": 0,
    }
    return SimpleNamespace(**{**given, **more})


async def test_a_page_cannot_write(database_url):
    async with Look(database_url, Standing(), LogLines()) as look:
        session = await look.session()
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await session.execute("UPDATE runbell.sensors SET state = 'stopped'")
        assert await session.fetchval("SHOW statement_timeout") == "5s"
        assert await look.session() is session

    assert session.is_closed()


async def test_the_overview_needs_no_database_at_all():
    standing = Standing(everyone=[sensor("alert", state="running", retrying=0, last_outcome=None)])
    async with Look("postgresql://127.0.0.1:1/nothing", standing, LogLines()) as look:
        page = await PAGES["/"](look, Question({}))

    assert [row.state.sensor_name for row in page.values["sensors"].rows] == ["alert"]


async def test_why_things_do_not_move_stands_on_the_overview_and_on_the_sensor_that_it_is_about(
    database_url, connection
):
    stalls = [
        SimpleNamespace(sentence="nobody <sees> them", remedy="have it commit", sensor_name=None),
        SimpleNamespace(sentence="alert is slow", remedy="make it async def", sensor_name="alert"),
        SimpleNamespace(sentence="other raises", remedy="mend it", sensor_name="other"),
    ]
    await connection.execute(
        "INSERT INTO runbell.sensors (sensor_name, module, declared_active, filter, filter_hash)"
        " VALUES ('alert', 'sensors', true, '{}', 0)"
    )
    shown = {}
    async with Look(database_url, Standing(stalls=stalls), LogLines()) as look:
        for path in ("/", "/sensor"):
            page = await PAGES[path](look, Question({"name": "alert"} if path == "/sensor" else {}))
            shown[path] = render(page, path=path, live=None, standing=look.standing)

    assert all("nobody &lt;sees&gt; them" in text and "alert is slow" in text for text in shown.values())
    assert ("other raises" in shown["/"], "other raises" in shown["/sensor"]) == (True, False)


ASKED = {
    "tagged": {"tags": [["team", ["finance"], True]]},
    "tagged_otherwise": {"tags": [["team", ["sales"], True]]},
    "of_the_day": {"partitions": ["2026-03-01"]},
    "of_sensors": {"origins": ["sensor"]},
    "by_hand": {"origins": ["manual"]},
    "report": {},
}


async def test_the_chain_of_a_run_known_by_its_tag_shows_its_cause_and_who_waits_for_what_it_is(
    database_url, connection
):
    for name, more in ASKED.items():
        stored = {"statuses": ["SUCCESS"], "jobs": None, "scope": None, "own_runs": False, **more}
        await connection.execute(
            "INSERT INTO runbell.sensors (sensor_name, module, declared_active, filter, filter_hash)"
            " VALUES ($1, 'sensors', true, $2::jsonb, 0)",
            name,
            json.dumps(stored),
        )
    cause = await record(connection, "load-1", "FAILURE", job="load_orders")
    request_id = await connection.fetchval(
        "INSERT INTO runbell.run_requests (sensor_name, event_id, ordinal, target, job_name)"
        " VALUES ('report', $1, 0, 'sql', 'build_report') RETURNING request_id",
        cause,
    )
    tags = {
        "team": "finance",
        "dagster/partition": "2026-03-01",
        "runbell/sensor": "report",
        "runbell/request_id": str(request_id),
    }
    await record(connection, "report-1", job="build_report", tags=json.dumps(tags))

    async with Look(database_url, Standing(), LogLines()) as look:
        page = await PAGES["/run"](look, Question({"id": "report-1"}))
        shown = render(page, path="/run", live=None, standing=look.standing)

    ((_, causes, tree),) = page.values["found"]
    assert [(found.run_id, found.sensor_name, found.request_id) for found in causes] == [
        ("load-1", "report", request_id)
    ]
    assert [(one.sensor_name, one.outcome) for event in tree.events for one in event.answers] == [
        (name, "not called yet") for name in ("of_sensors", "of_the_day", "tagged")
    ]
    assert "No sensor asked for it" not in shown


def test_what_needs_attention_comes_first_and_what_was_stopped_is_left_in_peace():
    states = [
        sensor("fine"),
        sensor("late", lag_seconds=30.0, lag_events=2),
        sensor("later", lag_seconds=300.0, lag_events=1),
        sensor("buried", dead=4),
        sensor("stopped", active=False, lag_seconds=9000.0, lag_events=9),
        sensor("failing", failing_seconds=10.0, lag_seconds=5.0, lag_events=1),
    ]

    page = list_page(states, part_of_name=None, shown="all", order="attention", page=1)

    assert [row.state.sensor_name for row in page.rows] == ["failing", "later", "late", "buried", "fine", "stopped"]
    assert [row.verdict for row in page.rows] == ["failing", "behind", "behind", "dead letters", "ok", "stopped"]
    assert page.counts == {
        "all": 6, "attention": 4, "behind": 3, "failing": 1, "dead": 1, "stopped": 1, "orphaned": 0,
    }  # fmt: skip


@given(st.integers(0, 450), st.integers(-3, 20), st.sampled_from(SHOWN), st.sampled_from(ORDERS))
def test_pages_of_the_list_together_show_each_sensor_once(count, page, shown, order):
    states = [sensor(f"s{n}", dead=n % 2, lag_events=n % 3, lag_seconds=n % 7) for n in range(count)]
    first = list_page(states, part_of_name="S", shown=shown, order=order, page=1)

    shown_names = [
        row.state.sensor_name
        for number in range(1, first.pages + 1)
        for row in list_page(states, part_of_name="S", shown=shown, order=order, page=number).rows
    ]

    assert len(shown_names) == len(set(shown_names)) == first.matching == first.counts[shown]
    some = list_page(states, part_of_name="S", shown=shown, order=order, page=page)
    assert 1 <= some.page <= some.pages
    assert len(some.rows) <= ROWS


seconds = st.floats(0, 1e9)


@given(st.lists(st.builds(Point, st.floats(0, 4e9), seconds, st.booleans()), min_size=1, max_size=50))
def test_every_point_lies_within_the_plot(points):
    drawn = plot(points)

    numbers = [float(part) for part in drawn.dots.replace("h0", " ").replace("M", " ").split()]
    assert all(0 <= x <= WIDTH for x in numbers[::2])
    assert all(-0.1 <= y <= HEIGHT for y in numbers[1::2])
    assert drawn.dots.count("M") + drawn.crosses.count("l6 6") == len(points)
    assert drawn.rows[0][0] > drawn.rows[-1][0]
    assert not any(math.isnan(height) for height, _ in drawn.rows)


def test_without_a_point_there_is_no_plot():
    assert plot([]) is None


def test_lines_are_kept_within_bounds_and_found_the_newest_first():
    lines = LogLines(most_bytes=4000)
    for number in range(1000):
        lines.keep(json.dumps({"event": "e", "sensor": f"s{number % 2}", "n": number}).encode() + b"\n")

    found = lines.of("s1", 20)

    assert [line["n"] for line in found] == list(range(999, 959, -2))
    assert len(lines.of("s0", 10_000)) < 100


@pytest.mark.parametrize("line", [b"no json\n", b'{"sensor": "a"', b'["sensor"]\n', b'{"sensor": 7}\n', b"\xff\n", b""])
def test_what_is_no_line_of_a_sensor_is_passed_over(line):
    lines = LogLines()
    lines.keep(b'{"sensor": "a", "n": 1}\n')
    lines.keep(line)

    assert [found["n"] for found in lines.of("a", 5)] == [1]


@given(st.text())
def test_a_command_is_one_printable_line_whatever_it_is_about(word):
    assert quoted(word).isprintable()


@pytest.mark.parametrize(
    "given", ["-1", "1.5", "x", "9" * 30, "٣", " 1", str(2**63), "0" * 20 + "9" * 30, "9" * 5000, "0" * 5000]
)
def test_a_number_in_an_address_is_a_number_that_a_row_can_have(given):
    with pytest.raises(QuestionError, match=f"id is .*whole number up to {2**63 - 1}"):
        Question({"id": given}).number("id")


async def test_the_largest_number_in_an_address_is_that_of_no_row(database_url):
    async with Look(database_url, Standing(), LogLines()) as look:
        for path in ("/request", "/dead-letter"):
            assert (await PAGES[path](look, Question({"id": str(2**63 - 1)}))).status == 404


def test_a_token_opens_and_nothing_else_does():
    access = Access("a secret of some length", loopback=False)

    assert access.judge({"authorization": "bearer a secret of some length"}, {}) == "welcome"
    assert access.judge({}, {"runbell_console": access.session}) == "welcome"
    for headers in ({}, {"authorization": "Bearer "}, {"authorization": "Basic a secret of some length"}):
        assert access.judge(headers, {"runbell_console": "a secret of some length"}) == "token wanted"
    assert Access("another secret of length", loopback=False).session != access.session
    assert Access(None, loopback=False).judge({"host": "localhost"}, {}) == "closed"
    assert not Access(None, loopback=True).knows("")
    assert "RUNBELL_HTTP_TOKEN" in CLOSED


@pytest.mark.parametrize("given", ["infinity", "-infinity", "294276-12-31T23:59:59+00:00", "nonsense"])
def test_a_time_that_python_has_no_value_for_stays_as_it_is(given):
    assert clock(given) == given


@given(st.floats(0, 1e12))
def test_a_duration_is_said_in_two_units_at_most(given):
    assert 2 <= len(spoken(given).split()) <= 4


def test_an_orphan_that_is_behind_has_one_trouble():
    ill = sensor("a", orphaned=True, owned=False, lag_seconds=900.0, lag_events=7)

    assert [trouble.kind for trouble in troubles(ill)] == ["orphaned"]
