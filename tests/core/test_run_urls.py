"""Where people look at a run."""

import pytest

from runbell import build_run_status_sensor_context, run_failure_sensor
from runbell.core.run_urls import EXAMPLE_RUN_URL, why_no_run_url
from runbell.testing import evaluate

TEMPLATE = "https://dagster.example.com/{code_location}/{job_name}?run={run_id}&of={source}"


def test_a_run_has_the_url_that_the_setting_gives_it():
    happened = {"run_id": "r/1", "job_name": "etl ü", "source": "dagster", "run_url": TEMPLATE}
    context = build_run_status_sensor_context(**happened)

    assert context.run_url == "https://dagster.example.com//etl%20%C3%BC?run=r%2F1&of=dagster"
    assert context.dagster_run.url == context.run_url
    assert context.for_run_failure().run_url == context.run_url
    assert why_no_run_url(TEMPLATE) is None
    assert why_no_run_url(EXAMPLE_RUN_URL) is None


def test_without_the_setting_there_is_none():
    context = build_run_status_sensor_context()

    assert (context.run_url, context.dagster_run.url) == (None, None)


def test_a_sensor_sees_it():
    @run_failure_sensor
    def alert(context):
        assert context.run_url == "https://dagster.example.com/runs/r1"

    assert evaluate(alert, run_id="r1", run_url=EXAMPLE_RUN_URL).outcome == "acted"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("https://dagster.example.com/runs", "has no {run_id} in it"),
        ("https://dagster.example.com/{run_id}/{job}", "has braces with something else than run_id,"),
        ("https://dagster.example.com/{run_id}}", "has braces with something else"),
        ("dagster.example.com/{run_id}", "is no URL that begins with http:// or https://"),
        ("https://[::1/{run_id}", "is no URL"),
    ],
)
def test_what_is_wrong_with_a_template(template, said):
    assert str(why_no_run_url(template)).startswith(said)
