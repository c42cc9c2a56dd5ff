"""What a sensor watches is said alike before it is deployed, of the deployed one, and on its page."""

import html

from runbell.ops.console.log_lines import LogLines
from runbell.ops.console.looking import Look, Question
from runbell.ops.console.pages import PAGES
from runbell.ops.console.rendering import render
from runbell.ops.standing import Standing
from runbell.ops.watching import said_filter, said_narrowing
from runbell.store.overview import filter_of
from support.commands import command
from support.processes import runbell

MODULE = """
import runbell

@runbell.run_failure_sensor(
    monitored_jobs=["etl_*"], excluded_jobs=["etl_test", "there:*"], monitored_partitions=["2026-*"],
    monitored_tags={"team": ["data", "ml"], "owner": True, "draft": False}, monitored_origins=["schedule"],
    react_to_own_runs=True,
)
def narrow(context): ...
"""
STORED = """{
    "statuses": ["FAILURE"], "jobs": [["etl_*", null]], "scope": null, "own_runs": true,
    "excluded": [["etl_test", null], ["*", "there"]], "partitions": ["2026-*"], "origins": ["schedule"],
    "tags": [["draft", [], false], ["owner", [], true], ["team", ["data", "ml"], true]]
}"""
WATCHES = "FAILURE of etl_* except etl_test, there:* in every code location, also its own runs"
ONLY = "tags no draft, owner with any value, team=data or ml; partitions 2026-*; started by schedule"


async def test_it_is_said_alike_wherever_it_is_said(database_url, connection, tmp_path):
    (tmp_path / "sensors.py").write_text(MODULE, encoding="utf-8")
    await connection.execute(
        "INSERT INTO runbell.sensors (sensor_name, module, declared_active, filter, filter_hash, position) "
        "VALUES ('narrow', 'm', true, $1, 1, pg_current_snapshot())",
        STORED,
    )

    checked = runbell("check", cwd=tmp_path).stdout
    shown = (await command(database_url, "sensors", "show", "narrow")).stdout
    async with Look(database_url, Standing(), LogLines()) as look:
        made = await PAGES["/sensor"](look, Question({"name": "narrow"}))
        page = html.unescape(render(made, path="/sensor", live=None, standing=look.standing))

    for told in (checked, shown, page):
        assert WATCHES in told
        assert ONLY in told


def test_what_asks_for_everything_has_nothing_that_it_only_asks_for():
    wanted = filter_of('{"statuses": ["SUCCESS", "FAILURE"], "jobs": null, "scope": "shop", "own_runs": false}')

    assert said_filter(wanted) == "FAILURE, SUCCESS of every job in code location shop"
    assert said_narrowing(wanted) == ""
    assert said_narrowing(wanted, only_final_failures=True) == "failures that are not retried"


def test_what_was_stored_and_cannot_be_read_is_not_said_to_be_every_job():
    assert said_filter(filter_of("{}")) == "nobody can read what"
    assert said_narrowing(filter_of("{}")) == ""
