"""The pages of docs/reference say what the code says. DOCS=write makes them anew."""

import os

import pytest

from support import references


@pytest.mark.parametrize("name", ["settings.md", "metrics.md", "log-events.md", "errors.md"])
def test_a_page_of_the_reference_is_as_the_code_has_it(name):
    text = references.pages()[name]
    path = references.folder() / name

    if os.environ.get("DOCS") == "write":
        path.write_text(text)

    assert path.read_text() == text, "DOCS=write pytest -n0 tests/docs makes it anew"


def test_there_are_no_other_pages():
    assert {path.name for path in references.folder().iterdir()} == set(references.pages())


def test_each_kind_of_error_has_its_remedy():
    assert references.unexplained_errors() == set()
