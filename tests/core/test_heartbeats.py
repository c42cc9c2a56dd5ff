"""How often a heart must be looked at, and for how long it may stand still."""

from runbell.core.heartbeats import (
    BEAT_SECONDS,
    BLOCKED_SECONDS,
    LATE_SECONDS,
    SLOW_BEAT_SECONDS,
    SLOW_LOOK_SECONDS,
    STANDBY_BEAT_SECONDS,
    HeartWatch,
    Spent,
)

MOST = SLOW_LOOK_SECONDS + LATE_SECONDS


def test_a_heart_need_not_be_looked_at_often_while_it_says_so_and_beats():
    watch = HeartWatch()
    look = SLOW_LOOK_SECONDS
    watch.look(0.0, 1, pause=SLOW_BEAT_SECONDS, spent=Spent)
    watch.look(look, 2, pause=SLOW_BEAT_SECONDS, spent=Spent, most=MOST)
    assert watch.calm
    watch.look(2 * look, 2, pause=SLOW_BEAT_SECONDS, spent=Spent, most=MOST)
    assert not watch.calm, "it has missed a beat"
    watch.look(2 * look + 0.1, 3, pause=SLOW_BEAT_SECONDS, spent=Spent)
    assert watch.calm
    watch.look(2 * look + 0.2, 4, pause=BEAT_SECONDS, spent=Spent)
    assert not watch.calm, "a function runs"


def test_a_standby_is_not_taken_for_one_that_stands_still_until_it_misses_a_beat():
    """It is looked at as often as one that is active, and beats less often."""
    watch = HeartWatch()
    missed = None
    for number in range(20):
        now = number * SLOW_LOOK_SECONDS
        beats = int(min(now, 3.0) / STANDBY_BEAT_SECONDS)
        watch.look(now, beats, pause=STANDBY_BEAT_SECONDS, spent=Spent, most=MOST)
        if now <= 4.0:
            assert watch.calm, now
            assert watch.still_seconds < BLOCKED_SECONDS, now
        elif not watch.calm and missed is None:
            missed = now
            assert watch.suspicious
    assert missed is not None
    assert missed <= 4.5
    assert watch.still_seconds >= BLOCKED_SECONDS
