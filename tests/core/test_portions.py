"""However many sensors ask for everything, neither a page nor what is in hand grows beyond what a process can take."""

from hypothesis import given
from hypothesis import strategies as some
from msgspec.structs import replace

from runbell.core.portions import (
    FIRST_EVENTS,
    LEAST_PENDING_OF_ONE,
    LIGHTER,
    MOST_BYTES,
    MOST_EVENTS,
    MOST_HANDED,
    MOST_PENDING,
    MOST_PENDING_OF_ONE,
    MOST_RETRIED_BYTES,
    MOST_RETRIED_OF_ONE,
    TELLING,
    first_portion,
    held_up_by,
    lighter,
    most_events,
    most_handed,
    most_pending,
    most_retried,
    next_portion,
    patience,
)
from runbell.testing import made_up_event

sensors = some.integers(0, 1_000_000)


@given(sensors)
def test_the_first_page_is_small_enough_for_all_of_them_and_never_empty(count):
    portion = first_portion(count, MOST_HANDED)

    assert 1 <= portion <= FIRST_EVENTS
    assert portion * count <= max(MOST_HANDED, count)


@given(some.integers(1, 100_000), some.integers(1, 100_000))
def test_pages_come_to_a_size_at_which_they_stay(count, asking):
    """`asking` of the `count` sensors ask for each event."""
    asking, portion, sizes = min(asking, count), first_portion(count, MOST_HANDED), []
    for _ in range(30):
        sizes.append(portion)
        assert portion * asking <= max(MOST_HANDED, asking)
        portion = next_portion(portion, portion * asking, MOST_HANDED)

    assert sizes[-1] == sizes[-2]
    assert sizes[-1] == MOST_EVENTS or sizes[-1] * asking * 2 > MOST_HANDED


@given(some.integers(1, MOST_EVENTS), some.integers(0, 100_000), some.floats(1_000, 1e9))
def test_pages_and_what_is_in_hand_weigh_no_more_than_there_is_room_for(portion, handed, weight):
    following = next_portion(portion, handed, MOST_HANDED, weight)

    assert following == 1 or following * weight <= MOST_BYTES
    assert following <= next_portion(portion, handed, MOST_HANDED)
    assert most_pending(0, weight) == 2 or most_pending(0, weight) * weight <= 2 * MOST_BYTES
    # Half of what one may have in hand is the room for the next page: never none.
    assert most_pending(0, weight) // 2 >= min(most_events(weight), MOST_PENDING_OF_ONE // 2) >= 1


def test_an_event_weighs_what_its_texts_are_long():
    light = made_up_event(status="FAILURE")
    texts = {"tags": "t" * 10, "run_config": "c" * 100, "error": "e" * 1_000, "message": "m" * 10_000}
    bare = replace(light, tags="", run_config=None, error=None, message=None)

    assert replace(bare, **texts).weight - bare.weight == 11_110


def test_a_page_of_which_more_came_than_expected_is_followed_by_a_smaller_one():
    assert [next_portion(8, 101, 100), next_portion(1, 1000, 100)] == [4, 1]


@given(some.integers(0, 1_000_000))
def test_one_of_many_that_reads_by_itself_takes_no_more_than_it_has_room_for(held):
    room = most_pending(held) // 2

    assert first_portion(1, most_handed(1, room)) == min(room, FIRST_EVENTS)


def test_once_all_have_much_in_hand_each_takes_little_more():
    assert [most_pending(of_all) for of_all in (0, MOST_PENDING - 1, MOST_PENDING)] == [
        MOST_PENDING_OF_ONE,
        MOST_PENDING_OF_ONE,
        LEAST_PENDING_OF_ONE,
    ]


pending = some.lists(some.integers(0, 3_000), min_size=1, max_size=30)


@given(pending)
def test_a_group_waits_exactly_while_it_has_too_much_in_hand_or_one_of_it_does(counts):
    most = most_handed(len(counts), MOST_PENDING_OF_ONE // 2)
    held_up = held_up_by(counts, most, MOST_PENDING_OF_ONE)

    assert bool(held_up) is (sum(counts) > most or max(counts) >= MOST_PENDING_OF_ONE)
    assert all(counts[place] > most // len(counts) for place in held_up)


@given(pending)
def test_without_those_that_hold_it_up_a_group_reads_on(counts):
    most = most_handed(len(counts), MOST_PENDING_OF_ONE // 2)
    held_up = set(held_up_by(counts, most, MOST_PENDING_OF_ONE))
    others = [count for place, count in enumerate(counts) if place not in held_up]

    assert not held_up_by(others, most_handed(len(others), MOST_PENDING_OF_ONE // 2), MOST_PENDING_OF_ONE) or not others


def test_how_long_a_group_waits_for_its_slow_members_does_not_grow_beyond_half_a_second():
    assert (patience(most_handed(2, 1_000)), patience(most_handed(1_000_000, 1_000))) == (0.05, 0.5)


@given(some.lists(some.integers(0, 100_000)))
def test_who_was_handed_little_goes_ahead_of_who_was_handed_much(counts):
    light = set(lighter(counts))

    assert len(light) < max(len(counts), 1)
    for place, count in enumerate(counts):
        assert (place in light) is (max(counts) >= TELLING and count * LIGHTER <= max(counts))


@given(some.integers(1, 1_000), some.integers(0, 1_000_000))
def test_those_who_were_handed_alike_stay_together(members, count):
    assert lighter([count] * members) == []


@given(some.floats(0, 1e12), some.floats(0, 1e9))
def test_a_sensor_has_at_least_one_retry_in_hand_and_no_more_bytes_than_a_page(of_all, weight):
    most = most_retried(of_all, weight)

    assert 1 <= most <= MOST_RETRIED_OF_ONE
    assert most == 1 or (most * weight <= MOST_BYTES and of_all < MOST_RETRIED_BYTES)
