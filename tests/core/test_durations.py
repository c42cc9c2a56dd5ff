"""Lengths of time as an operator writes them, and as they are told."""

import pytest

from runbell.core.durations import LONGEST_SECONDS, seconds_of, spoken


@pytest.mark.parametrize(("written", "seconds"), [("90s", 90), (" 15M ", 900), ("36h", 129_600), ("1w", 604_800)])
def test_a_number_and_a_unit(written, seconds):
    assert seconds_of(written) == seconds


@pytest.mark.parametrize("written", ["", "2", "d", "-1d", "2 months", "nan s", f"{LONGEST_SECONDS + 1:.0f}s"])
def test_anything_else_is_named_with_what_would_be_right(written):
    with pytest.raises(ValueError, match="is no length of time: write a number with s, m, h, d or w"):
        seconds_of(written)


def test_a_duration_without_a_rest_has_one_unit():
    assert [spoken(seconds) for seconds in (60, 7200, 86_400)] == ["1 min", "2 h", "1 d"]


def test_what_rounds_to_the_next_unit_is_said_in_it():
    assert [spoken(seconds) for seconds in (0.9996, 59.96, 3_599.6)] == ["1.0 s", "1 min", "1 h"]
