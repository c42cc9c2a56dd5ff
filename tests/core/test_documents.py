"""JSON on its way into the database and out of it."""

import pytest

from runbell import RunbellError
from runbell.core.documents import NotJsonError, read_object, write_text_map


def test_a_lone_surrogate_is_no_text():
    with pytest.raises(NotJsonError, match="lone surrogate"):
        write_text_map({"team": "\ud800"})


@pytest.mark.parametrize("stored", [None, "", "{}", "null"])
def test_nothing_is_an_empty_object(stored):
    assert read_object(stored, "the tags of run r1") == {}


def test_what_is_no_object_is_named():
    with pytest.raises(RunbellError, match="the tags of run r1 are no JSON object but list"):
        read_object("[1]", "the tags of run r1")
