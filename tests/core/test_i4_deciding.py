"""I4: what the supervisor decides from what it sees."""

from runbell.core.crashes import BLAME_SECONDS, Crashes
from runbell.core.heartbeats import (
    BEAT_SECONDS,
    BLOCKED_SECONDS,
    LATE_SECONDS,
    SLOW_BEAT_SECONDS,
    HeartWatch,
    Spent,
)
from runbell.core.isolation import FIRST_SECONDS, LONGEST_SECONDS, MOST_PROCESSES, Isolation, place_offender
from runbell.core.relief import Condition, must_end, should_drain
from runbell.core.stacks import crashed_thread, stacks_of

DUMP = """Fatal Python error: Segmentation fault

Current thread 0x00000000000000ff (most recent call first):
  File "/usr/lib/python3.11/ctypes/__init__.py", line 519 in string_at
  File "/srv/sensors.py", line 18 in offender
  File "/x/runbell/engine/calling.py", line 60 in _in_a_thread

Thread 0x0000000000000abc (most recent call first):
  File "/srv/sensors.py", line 3 in wait
"""


def looked(*looks: tuple[float, int, Spent]) -> float:
    watch = HeartWatch()
    for now, beats, spent in looks:
        watch.look(now, beats, pause=BEAT_SECONDS, spent=lambda spent=spent: spent)
    return watch.still_seconds


def test_a_heart_that_stands_still_is_seen_and_one_that_beats_is_not():
    assert looked(*((n / 10, 7, Spent()) for n in range(6))) >= BLOCKED_SECONDS
    assert looked(*((n / 10, n, Spent()) for n in range(6))) == 0
    assert looked(*((n / 10, 7, Spent()) for n in range(6)), (0.6, 8, Spent())) == 0


def asked(pause: float) -> list[float]:
    """When it was asked what the worker's thread has done, of looks at a heart that beats every 0.3 s, then no more."""
    watch = HeartWatch()
    moments = []
    for n in range(15):
        watch.look(n / 10, min(n // 3, 3), pause=pause, spent=lambda now=n / 10: moments.append(now) or Spent())
    return moments


def test_a_heart_that_says_it_beats_slowly_is_asked_about_only_when_it_stands_still_for_longer():
    assert asked(BEAT_SECONDS)[:4] == [0.1, 0.4, 0.7, 1.0]
    assert asked(SLOW_BEAT_SECONDS) == [1.2, 1.3, 1.4]


def test_a_machine_that_slept_is_not_blamed_on_the_worker():
    assert looked((0.0, 7, Spent()), (60.0, 7, Spent())) <= LATE_SECONDS


def test_waiting_for_a_processor_is_an_excuse_until_the_function_has_had_one():
    starved = [(n / 10, 7, Spent(0.0, n / 10)) for n in range(10)]
    worked = [(n / 10, 7, Spent(n * 0.03, n * 0.07)) for n in range(10)]

    assert looked(*starved) < BLOCKED_SECONDS
    assert looked(*worked) >= BLOCKED_SECONDS


def test_who_is_ended_and_who_is_not():
    assert must_end(Condition(still_seconds=0.39, functions=True)) is None
    assert must_end(Condition(still_seconds=0.4, functions=True)) == "blocked"
    assert must_end(Condition(still_seconds=1.9)) is None
    assert must_end(Condition(still_seconds=2.0)) == "blocked"
    assert must_end(Condition(still_seconds=0.4, frozen=True)) == "frozen"
    apart = {"functions": True, "allowed_seconds": 3.0}
    assert must_end(Condition(still_seconds=3.9, **apart)) is None
    assert must_end(Condition(still_seconds=4.0, **apart)) == "blocked"


def test_memory_has_a_limit_to_drain_at_and_one_to_end_at():
    beyond = Condition(still_seconds=0.0, memory_mb=149.0, limit_mb=100.0)

    assert (must_end(beyond), should_drain(beyond)) == (None, "memory")
    assert must_end(Condition(still_seconds=0.0, memory_mb=151.0, limit_mb=100.0)) == "memory"
    assert should_drain(Condition(still_seconds=0.0, memory_mb=9e9)) is None


def test_an_offender_returns_when_it_has_behaved_and_stays_longer_each_time():
    isolation = Isolation()
    now, stays = 0.0, []
    for _ in range(6):
        isolation.offended("slow", now)
        assert isolation.apart == {"slow"}
        assert isolation.behaved(now + LONGEST_SECONDS) == []
        isolation.evaluated("slow", 1)
        stay = FIRST_SECONDS
        while isolation.behaved(now + stay) == []:
            stay *= 2 if stay * 2 <= LONGEST_SECONDS else LONGEST_SECONDS / stay
        stays.append(stay)
        now += stay
        isolation.returned("slow")
        assert isolation.apart == frozenset()
    assert stays == [300, 600, 1200, 2400, 3600, 3600]


def test_another_offence_begins_the_stay_anew():
    isolation = Isolation()
    isolation.offended("slow", 0.0)
    isolation.evaluated("slow", 1)
    isolation.offended("slow", 200.0)

    assert isolation.behaved(499.0) == []
    isolation.evaluated("slow", 1)
    assert isolation.behaved(499.9) == []
    assert isolation.behaved(500.0) == ["slow"]


def test_each_offender_has_a_process_until_they_must_share():
    hosts: list[set[str]] = []
    for number in range(MOST_PROCESSES):
        assert place_offender(hosts) is None
        hosts.append({f"s{number}"})
    assert place_offender([*hosts[:2], {"a", "b"}, hosts[3]]) == 0


def test_one_end_may_be_an_accident_two_are_not():
    crashes = Crashes()

    assert crashes.blamed(["a", "b"], 0.0) == []
    assert crashes.blamed(["b"], 10.0) == ["b"]
    assert crashes.blamed(["a"], BLAME_SECONDS + 1) == []


def test_the_stacks_say_where_a_thread_hangs_without_what_called_it():
    assert stacks_of(DUMP) == {
        0xFF: ("/usr/lib/python3.11/ctypes/__init__.py:519 in string_at", "/srv/sensors.py:18 in offender"),
        0xABC: ("/srv/sensors.py:3 in wait",),
    }
    assert crashed_thread(DUMP) == 0xFF
    assert crashed_thread("nothing of that kind") is None


def test_what_we_ourselves_held_up_counts_for_nothing():
    watch = HeartWatch()
    for moment in range(12):
        watch.look(moment * 0.1, 7, pause=BEAT_SECONDS, spent=lambda: Spent(0.0, 0.0))
    assert watch.still_seconds > 0

    watch.forget()

    assert watch.still_seconds == 0


def test_who_is_not_apart_is_not_counted_there():
    isolation = Isolation()
    isolation.evaluated("stranger", 3)
    isolation.offended("slow", 0.0)
    isolation.returned("slow")
    isolation.evaluated("slow", 3)
    isolation.offended("slow", FIRST_SECONDS)

    assert isolation.behaved(10 * LONGEST_SECONDS) == []
