"""The run keys of replays, how a shadow is refused, and moments that are written as ages."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from runbell.core.moments import moment_of
from runbell.core.replays import replayed_key
from runbell.core.shadowing import refusal
from runbell.core.text import MAX_NAME_BYTES


@given(some.text(min_size=1, max_size=300), some.text(min_size=1, max_size=300), some.integers(1, 10**12))
def test_a_replays_key_fits_and_tells_one_from_another_however_long_they_are(one, other, replay):
    base = "é" * 240
    keys = [replayed_key(base + text, replay) for text in (one, other)]

    assert all(len(key.encode()) <= MAX_NAME_BYTES and key.endswith(f":replay-{replay}") for key in keys)
    assert (keys[0] == keys[1]) == (one == other)


def test_without_a_key_or_a_replay_nothing_changes():
    assert replayed_key(None, 3) is None
    assert replayed_key("k", 0) == "k"


def test_a_refusal_says_whose_the_sensors_are():
    assert "no shadow" in refusal("alert", "sensors (shadow)", "sensors", "process 7 on host")
    assert "RUNBELL_CODE_LOCATION" in refusal("alert", "sensors", "others", "process 7 on host")
    assert "by a shadow" in refusal("alert", "sensors", "sensors (shadow)", "process 7 on host")


def test_an_age_is_a_moment_too():
    assert moment_of("90s", 1000.0) == 910.0
    with pytest.raises(ValueError, match="no moment"):
        moment_of("soon", 1000.0)
