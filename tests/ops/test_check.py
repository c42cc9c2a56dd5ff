"""`runbell check`, as a process."""

import json

import pytest

from support.processes import runbell

MODULE = """
import runbell

print("loading")

@runbell.run_failure_sensor(monitored_jobs=["etl_*", "there:load"], request_jobs=["clean"], minimum_interval_seconds=30)
def clean_up(context):
    '''Cleans up.'''

@runbell.run_failure_sensor(
    monitored_jobs=["etl_*"], excluded_jobs=["etl_test", "there:*"], monitored_partitions=["2026-*"],
    monitored_tags={"team": ["data", "ml"], "owner": True, "draft": False}, monitored_origins=["schedule", "backfill"],
)
def narrow(context): ...

@runbell.run_status_sensor("up_for_retry", default_status=runbell.DefaultSensorStatus.STOPPED, metadata={"a": {1}})
async def watch(context): ...
"""


@pytest.fixture
def module(tmp_path):
    (tmp_path / "sensors.py").write_text(MODULE, encoding="utf-8")
    return tmp_path


def test_check_says_what_each_sensor_watches(module):
    done = runbell("check", cwd=module)

    assert (done.code, done.stderr) == (0, "loading\n")
    assert "watches   FAILURE of etl_*, there:load in every code location" in done.stdout
    assert "requests  clean" in done.stdout
    assert "note      minimum_interval_seconds=30 is not needed and has no effect" in done.stdout
    assert "watches   FAILURE of etl_* except etl_test, there:* in every code location" in done.stdout
    only = "tags no draft, owner with any value, team=data or ml; partitions 2026-*; started by backfill, schedule"
    assert f"  only      {only}\n" in done.stdout
    assert "state     stopped, as declared" in done.stdout
    assert "note      UP_FOR_RETRY is none of the statuses that Dagster has" in done.stdout
    assert "3 sensors in sensors, no mistakes" in done.stdout


UNPRINTABLE = r"""
import runbell

@runbell.run_failure_sensor(description="half a \ud800")
def given(context): ...

@runbell.run_failure_sensor
def documented(context):
    "Half a \ud800."
"""


def test_check_shows_a_description_that_no_terminal_can_be_sent(tmp_path):
    (tmp_path / "sensors.py").write_text(UNPRINTABLE, encoding="utf-8")
    done = runbell("check", cwd=tmp_path)

    assert (done.code, done.stderr) == (0, "")
    assert "  half a \\ud800\n" in done.stdout
    assert "  Half a \\ud800.\n" in done.stdout


def test_check_lists_as_json(module):
    done = runbell("check", "--json", cwd=module, RUNBELL_CODE_LOCATION="here", RUNBELL_DEFAULT_STATUS="STOPPED")
    clean_up, narrow, watch = json.loads(done.stdout)

    assert done.code == 0
    assert (clean_up["sensor_name"], clean_up["active"], clean_up["code_location"]) == ("here:clean_up", False, "here")
    assert (clean_up["monitored_jobs"], clean_up["request_jobs"]) == (["etl_*", "there:load"], ["clean"])
    assert (watch["statuses"], watch["monitored_jobs"], watch["max_concurrent"]) == (["UP_FOR_RETRY"], None, 16)
    assert (narrow["excluded_jobs"], narrow["monitored_partitions"]) == (["etl_test", "there:*"], ["2026-*"])
    assert narrow["monitored_tags"] == {"draft": False, "owner": True, "team": ["data", "ml"]}
    assert narrow["monitored_origins"] == ["backfill", "schedule"]
    assert (clean_up["monitored_tags"], clean_up["monitored_origins"]) == ({}, [])
    assert (watch["default_status"], watch["active"]) == ("STOPPED", False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "import runbell\n@runbell.run_failure_sensor(monitored_jobs=[])\ndef a(): ...",
            "sensor 'a': monitored_jobs=[] is empty",
        ),
        ("x = 1", "has no sensors"),
        ("raise SystemExit(0)", "ends the process while it is imported (SystemExit: 0)"),
        ("def (:", "sensors.py:1 is not valid Python"),
    ],
)
def test_check_fails_on_any_mistake(tmp_path, text, said):
    (tmp_path / "sensors.py").write_text(text, encoding="utf-8")
    done = runbell("check", cwd=tmp_path)

    assert (done.code, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_check_without_a_module_names_the_ways_to_give_one(tmp_path):
    done = runbell("check", cwd=tmp_path)

    assert done.code == 2
    assert "--sensors or RUNBELL_SENSORS" in done.stderr


def test_check_takes_another_module(tmp_path, module):
    (module / "mine.py").write_text("import runbell\n@runbell.run_failure_sensor\ndef only(): ...", encoding="utf-8")

    assert "only" in runbell("check", "--sensors", "mine", cwd=module).stdout
    assert "only" in runbell("check", cwd=module, RUNBELL_SENSORS=str(module / "mine.py")).stdout


def test_check_shows_the_limits_of_each_and_what_the_settings_fill_in(tmp_path):
    (tmp_path / "sensors.py").write_text(
        """
import runbell

@runbell.run_failure_sensor(
    max_per_minute=6, timeout_seconds=5, max_concurrent=3,
    retry=runbell.RetryPolicy(attempts=4, factor=2, max_age_seconds=60),
)
def limited(context): ...

@runbell.run_failure_sensor(retry=runbell.RetryPolicy(attempts=1))
def once(context): ...
"""
    )

    told = runbell("check", cwd=tmp_path, RUNBELL_SENSOR_TIMEOUT_SECONDS="30").stdout
    limited, once = json.loads(runbell("check", "--json", cwd=tmp_path).stdout)

    assert "calls     up to 3 at once, in a thread, at most 6 a minute, each 5 s at most" in told
    assert (
        "retries   4 calls in all, after 1 s, then 2 times as long each, 3600 s at most, none later than 60 s" in told
    )
    assert "calls     one at a time, in a thread, each 30 s at most" in told
    assert "retries   none: the first failure is a dead letter" in told
    assert (limited["max_per_minute"], limited["timeout_seconds"]) == (6, 5)
    assert (limited["retry"]["attempts"], limited["retry"]["backoff_seconds"]) == (4, 1)
    assert (once["max_per_minute"], once["timeout_seconds"], once["retry"]["attempts"]) == (None, 60, 1)
