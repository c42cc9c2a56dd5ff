"""The page for authors of sensors: its examples load as sensors modules, and answer as the page says."""

import re
import sys

import pytest

from runbell.core.declaring import Declared
from runbell.ops.loading import load_sensors
from runbell.testing import evaluate
from support.house import ROOT

PAGE = (ROOT / "docs" / "sensors.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
NARROW = {
    "job_name": "etl_orders",
    "tags": {"team": "ml-eu", "owner": "ann", "dagster/backfill": "b"},
    "partition_key": "2026-01-01",
}
# Each sensor of the page: what happens, and what comes of it.
ANSWERS = {
    "alert": [({"message": "no space left"}, "acted")],
    "load_after_extract": [({"job_name": "extract"}, "requested"), ({"job_name": "load"}, "ignored")],
    "page_the_team": [
        (NARROW, "acted"),
        (NARROW | {"job_name": "etl_test"}, "ignored"),
        (NARROW | {"job_name": "load", "code_location": "warehouse"}, "acted"),
        (NARROW | {"code_location": "sandbox"}, "ignored"),
        (NARROW | {"partition_key": None}, "ignored"),
        (NARROW | {"tags": {"team": "data", "owner": "ann"}}, "ignored"),
    ],
    "alert_once": [({}, "acted"), ({"tags": {"dagster/will_retry": "true"}}, "skipped")],
    "write_a_letter": [({}, "acted")],
    "count_letters": [({}, "acted")],
    "fan_out": [({"job_name": "ingest"}, "skipped"), ({"job_name": "ingest", "partition_key": "a"}, "requested")],
    "one_report_at_a_time": [({"job_name": "ingest"}, "requested")],
    "repair_once_an_hour": [({}, "requested")],
    "publish": [({"tags": {"rows": "3"}}, "acted"), ({}, "failed"), ({"tags": {"rows": "-1"}}, "failed")],
    "load": [({"job_name": "extract"}, "requested")],
}


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    found = {}
    for number, text in enumerate(EXAMPLES):
        path = tmp_path / f"example_{number}.py"
        path.write_text(text, encoding="utf-8")
        found |= {sensor.name: sensor for sensor in load_sensors(str(path)).sensors}
    yield found
    for name in sys.modules.keys() - before:
        del sys.modules[name]


def test_each_example_answers_as_the_page_says(loaded):
    assert loaded.keys() == ANSWERS.keys()
    for name, answers in ANSWERS.items():
        for happened, outcome in answers:
            evaluated = evaluate(loaded[name], **happened)
            assert (name, evaluated.outcome, evaluated.error if outcome != "failed" else None) == (name, outcome, None)


def test_each_argument_stands_on_the_page():
    listed = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", PAGE, re.MULTILINE)
    named = {name for cell in listed for name in re.findall(r"`(\w+)`", cell)}

    assert set(Declared.__annotations__) <= named


def test_its_own_links_lead_somewhere():
    titles = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    headings = {re.sub(r"[^\w-]", "", title.lower().replace(" ", "-")) for title in titles}

    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= headings
