"""What the benchmarks write into docs/performance.md."""

import importlib
import sys

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
