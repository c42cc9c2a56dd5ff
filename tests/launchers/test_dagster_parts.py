"""The decisions of the launcher into Dagster, without one."""

import doctest
import importlib
from dataclasses import replace

import pytest

from runbell.core.errors import SettingsError
from runbell.core.queue import QueuedRequest
from runbell.launchers.dagster.execution import execution_params, sensor_location
from runbell.launchers.dagster.launched import Found, sorted_out
from runbell.launchers.dagster.partitions import Partition
from runbell.launchers.dagster.workspace import Job, chosen
from runbell.launchers.reach import Reach
from runbell.ops.launchers import launch_options, read_headers
from runbell.ops.settings import read_settings

PACKAGE = "runbell.launchers"
JOB = Job("here", "__repository__", "etl")
REQUEST = QueuedRequest(
    request_id=7,
    sensor_name="here:chain",
    event_id=1,
    target="dagster",
    job_name="etl",
    code_location=None,
    run_key="2026-01-01",
    partition_key=None,
    asset_selection='[["a", "b"]]',
    run_config="{}",
    tags='{"dagster/sensor_name": "mine", "dagster/partition": "mon", "team": "sales"}',
    attempts=1,
    requested_at="2026-01-01T00:00:00.000000Z",
    age_seconds=0.0,
)


@pytest.mark.parametrize(
    "name",
    ["options", "reach", "tries", "dagster.execution", "dagster.launched", "dagster.target", "dagster.workspace"],
)
def test_examples_in_docstrings_hold(name):
    failed, run = doctest.testmod(importlib.import_module(f"{PACKAGE}.{name}"))

    assert run
    assert not failed


def test_dagsters_own_tags_and_runbells_win_over_those_of_a_request():
    params = execution_params(REQUEST, JOB, Partition({"dagster/partition": "tue"}, "ops: {}"))

    assert {tag["key"]: tag["value"] for tag in params["executionMetadata"]["tags"]} == {
        "team": "sales",
        "dagster/partition": "tue",
        "dagster/sensor_name": "chain",
        "dagster/run_key": "2026-01-01",
        "runbell/request_id": "7",
        "runbell/requested_at": "2026-01-01T00:00:00.000000Z",
    }
    assert params["runConfigData"] == "ops: {}"
    assert params["selector"]["assetSelection"] == [{"path": ["a", "b"]}]
    assert sensor_location(REQUEST) == "here"


@pytest.mark.parametrize(("given", "selected"), [(None, None), ("[]", [])])
def test_no_selection_of_assets_and_an_empty_one_are_two_things(given, selected):
    params = execution_params(replace(REQUEST, asset_selection=given), JOB, None)

    assert params["selector"].get("assetSelection") == selected


def test_a_job_is_the_nearest_one_and_in_doubt_all_of_them():
    other = Job("there", "__repository__", "etl")
    named = Job("here", "team", "etl")

    assert chosen([JOB, other], "etl", location=None, nearest=None) == [JOB, other]
    assert chosen([JOB, other], "etl", location=None, nearest="there") == [other]
    assert chosen([JOB, other], "etl", location="here", nearest="there") == [JOB]
    assert chosen([JOB, named], "etl", location=None, nearest=None) == [JOB]
    assert chosen([named], "etl", location=None, nearest="nowhere") == [named]
    assert chosen([JOB], "elt", location=None, nearest=None) == []


def test_of_several_runs_the_first_counts_and_what_was_never_submitted_is_set_apart():
    def run(run_id, status, created, parent=None):
        return {"runId": run_id, "status": status, "parentRunId": parent, "creationTime": created}

    assert sorted_out([]) == Found((), ())
    assert sorted_out([run("b", "QUEUED", 2.0), run("a", "FAILURE", 1.0)]) == Found(("a", "b"), ())
    assert sorted_out([run("a", "NOT_STARTED", 1.0), run("b", "QUEUED", 2.0)]) == Found(("b",), ("a",))
    # The first was deleted by somebody: it was launched all the same.
    assert sorted_out([run("c", "SUCCESS", 3.0, parent="a")]) == Found(("c",), ())


def test_those_that_fail_together_have_failed_once_and_the_wait_has_a_limit():
    now = 0.0
    reach = Reach(lambda: now)

    assert [reach.lost(), reach.lost()] == [0.5, 0.5]
    now = 0.5
    assert reach.room(8, in_flight=0) == 1
    assert reach.room(8, in_flight=1) == 0
    assert reach.lost() == 1.0
    for _ in range(20):
        now += reach.wait()
        reach.lost()
    assert reach.wait() == 30.0
    reach.answered()
    assert (reach.room(8, in_flight=0), reach.wait(), reach.away) == (8, 0.0, False)


def test_headers_are_lines(tmp_path):
    file = tmp_path / "headers"
    file.write_text("A: b\n\nDagster-Cloud-Api-Token: user:secret\n")

    assert read_headers(None, str(file)) == {"A": "b", "Dagster-Cloud-Api-Token": "user:secret"}
    assert read_headers(None, None) == {}


@pytest.mark.parametrize(
    "line",
    [
        "hush",
        "Bearer hush:other",
        ": hush",
        "A(b): hush",
        "N\u00e4me: hush",
        "A: hush\x01",
        "A: hush\x7f",
        "A: h\u00fcsh hush",
    ],
)
def test_what_is_no_header_is_named_by_where_it_stands_and_not_shown(tmp_path, line):
    file = tmp_path / "headers"
    file.write_text(f"A: b\n{line}\n", encoding="utf-8")

    with pytest.raises(SettingsError, match="line 2 of RUNBELL_DAGSTER_HEADERS is no header") as given:
        read_headers(f"A: b\n{line}", None)
    with pytest.raises(SettingsError, match=r"line 2 of RUNBELL_DAGSTER_HEADERS_FILE \('.*headers'\) is no") as in_file:
        read_headers(None, str(file))
    assert "hush" not in f"{given.value}{in_file.value}"


def test_headers_come_from_one_place_that_can_be_read(tmp_path):
    file = tmp_path / "headers"
    file.write_bytes(b"A: hush\xff")

    with pytest.raises(SettingsError, match="RUNBELL_DAGSTER_HEADERS and RUNBELL_DAGSTER_HEADERS_FILE are both given"):
        read_headers("A: b", str(file))
    with pytest.raises(SettingsError, match=r"cannot be read \(it is not text\)"):
        read_headers(None, str(file))
    with pytest.raises(SettingsError, match=r"cannot be read \(No such file or directory\)"):
        read_headers(None, str(tmp_path / "nowhere"))


def test_what_is_missing_for_a_target_is_named():
    settings = read_settings(database_url="postgresql://localhost/runs")

    with pytest.raises(SettingsError, match="unknown target 'airflow': there is 'dagster', 'simulated'"):
        launch_options("airflow", settings)
    with pytest.raises(SettingsError, match="RUNBELL_DAGSTER_URL is missing"):
        launch_options("dagster", settings)
    with pytest.raises(SettingsError, match="--dagster-url is"):
        read_settings(database_url="postgresql://localhost/runs", dagster_url="dagster:3000")
