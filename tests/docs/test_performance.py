"""What the benchmarks write into docs/performance.md."""

import importlib
import sys
from types import SimpleNamespace

import pytest

from support.house import ROOT

PAGE = """# Performance

<!-- figures: latency -->
latency of before
<!-- end -->

Between.

<!-- figures: start -->
start of before
<!-- end -->
"""


@pytest.fixture
def pages(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(ROOT / "bench")
    known = set(sys.modules)
    found = importlib.import_module("pages")
    monkeypatch.setattr(found, "PAGE", tmp_path / "performance.md")
    monkeypatch.setattr(found, "PLOTS", tmp_path)
    yield found
    # Their names are short, and a benchmark's own.
    for name in set(sys.modules) - known:
        del sys.modules[name]


def test_only_the_tables_and_plots_of_what_was_measured_are_written_anew(pages, tmp_path):
    pages.PAGE.write_text(PAGE)
    for name in ("latency.svg", "backlog.svg"):
        (tmp_path / name).write_text("of before")

    pages.write_page({"latency, 10 events/s, runbell, p50 ms": [2.0, 3.0]})

    text = pages.PAGE.read_text()
    assert "latency of before" not in text
    assert "2.5 (2 to 3)" in text
    assert "<!-- figures: start -->\nstart of before\n<!-- end -->" in text
    assert "runbell" in (tmp_path / "latency.svg").read_text()
    assert (tmp_path / "backlog.svg").read_text() == "of before"


def test_without_any_figure_all_of_the_page_stays(pages):
    pages.PAGE.write_text(PAGE)

    pages.write_page({})

    assert pages.PAGE.read_text() == PAGE


GOALS = """# Performance

<!-- goals -->
goals of before
<!-- end -->
"""


@pytest.fixture
def goals(pages):
    return importlib.import_module("goals")


def test_a_goal_is_met_when_every_run_meets_it(goals):
    least = goals.Goal("a backlog", 0.8, goals.ratio("ours", "theirs"), "drain", below=False)
    most = goals.Goal("memory", 80, goals.scaled("mb", 1), "drain")

    assert [least.is_met([0.9, 0.8]), least.is_met([0.9, 0.79])] == [True, False]
    assert [most.is_met([80, 1]), most.is_met([81, 1])] == [True, False]


def test_ratios_are_taken_round_by_round(goals):
    assert goals.ratio("ours", "theirs")({"ours": [2.0, 9.0], "theirs": [1.0, 3.0]}) == [2.0, 3.0]


def test_each_goal_is_measured_by_a_command_that_leaves_its_figures(goals, pages):
    options = SimpleNamespace(rounds=2)
    measured = {command for command, *_ in goals.commands(options)}

    assert {goal.command for goal in goals.GOALS} == measured


def test_the_table_of_goals_takes_its_place_on_the_page(goals, pages, monkeypatch):
    monkeypatch.setattr(goals, "GOALS", (goals.Goal("memory", 80, goals.scaled("mb", 1), "drain", unit=" MB"),))
    pages.PAGE.write_text(GOALS)

    pages.write_goals(goals.table_of_goals([{"mb": [54.0, 56.0]}, {"mb": [90.0]}]))

    assert "| memory | at most 80 MB | 55 MB | 90 MB | no  | `bench/drain.py` |" in pages.PAGE.read_text()
    assert "of before" not in pages.PAGE.read_text()
