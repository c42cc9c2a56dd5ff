"""How often a heart must be looked at."""

from runbell.core.heartbeats import LATE_SECONDS, SLOW_LOOK_SECONDS, HeartWatch, Spent


def test_a_heart_need_not_be_looked_at_often_while_it_says_so_and_beats():
    watch = HeartWatch()
    pause, most = SLOW_LOOK_SECONDS, SLOW_LOOK_SECONDS + LATE_SECONDS
    watch.look(0.0, 1, slow=True, spent=Spent)
    watch.look(pause, 2, slow=True, spent=Spent, most=most)
    assert watch.calm
    watch.look(2 * pause, 2, slow=True, spent=Spent, most=most)
    assert not watch.calm, "it has missed a beat"
    watch.look(2 * pause + 0.1, 3, slow=True, spent=Spent)
    assert watch.calm
    watch.look(2 * pause + 0.2, 4, slow=False, spent=Spent)
    assert not watch.calm, "a function runs"
