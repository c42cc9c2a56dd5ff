"""Globs, and the expressions that stand for them in the database; tests/store/test_filtering.py asks PostgreSQL."""

import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as some

from runbell.core.filters import Filter, JobPattern
from runbell.core.globs import expression, why_no_glob
from runbell.core.narrowing import Narrowing, TagPattern
from runbell.core.pushing import MOST_EXPRESSIONS, pushed

LETTERS = "ab-]![^*?\\.é\n|&~A_$ "
ANY = frozenset({"SUCCESS"})


@given(some.text(LETTERS, max_size=4), some.text(LETTERS + "[]-*?", max_size=7))
def test_an_expression_matches_what_its_glob_matches(text, glob):
    assert bool(re.fullmatch(expression(glob), text, re.DOTALL)) is fnmatchcase(text, glob)


@pytest.mark.parametrize(
    ("glob", "said"),
    [
        ("etl_*", "^etl_.*$"),
        ("a.b", "^a\\u002eb$"),
        ("[a-c!]", "^[\\u0061-\\u0063\\u0021-\\u0021]$"),
        ("[!]]x", "^[^\\u005d-\\u005d]x$"),
        ("[z-a]", "x^"),
        ("[!z-a]", "^.$"),
        ("[a", "^\\u005ba$"),
        ("é?", "^é.$"),
    ],
)
def test_what_an_expression_looks_like(glob, said):
    assert expression(glob) == said


def test_what_is_no_glob():
    assert (why_no_glob(3), why_no_glob(""), why_no_glob("etl_*")) == ("is not text", "is empty", None)
    assert "NUL" in str(why_no_glob("a\x00"))


def test_filters_are_applied_in_the_database_where_that_spares_something():
    plain = Filter(ANY, (JobPattern("etl"),))
    narrow = Filter(
        ANY,
        (JobPattern("etl*", "eu"),),
        excluded=(JobPattern("*_test"),),
        narrowing=Narrowing((TagPattern("team", ("data",)),), ("2026-*",), ("manual",)),
    )
    globbed = Filter(ANY, (JobPattern("etl*"),))

    assert pushed([]) is None
    assert pushed([plain]) is None
    assert pushed([narrow, plain]) is None
    assert "team" in str(pushed([narrow, globbed]))
    assert '"tags":[],"partitions":[],"origins":[]' in str(pushed([globbed]))
    assert '"jobs":null' in str(pushed([Filter(ANY, excluded=(JobPattern("a"),))]))
    assert pushed([globbed] * (MOST_EXPRESSIONS + 1)) is None
