"""However many sensors ask for everything, neither a page nor what is in hand grows beyond what a process can take."""

from hypothesis import given
from hypothesis import strategies as some

from runbell.core.portions import (
    LEAST_PENDING_OF_ONE,
    MOST_EVENTS,
    MOST_HANDED,
    MOST_PENDING,
    MOST_PENDING_OF_ONE,
    first_portion,
    most_handed,
    most_pending,
    next_portion,
    patience,
)

sensors = some.integers(0, 1_000_000)


@given(sensors)
def test_the_first_page_is_small_enough_for_all_of_them_and_never_empty(count):
    portion = first_portion(count, MOST_HANDED)

    assert 1 <= portion <= MOST_EVENTS
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


def test_a_page_of_which_more_came_than_expected_is_followed_by_a_smaller_one():
    assert [next_portion(8, 101, 100), next_portion(1, 1000, 100)] == [4, 1]


@given(some.integers(0, 1_000_000))
def test_one_of_many_that_reads_by_itself_takes_no_more_than_it_has_room_for(held):
    room = most_pending(held) // 2

    assert first_portion(1, most_handed(1, room)) == room


def test_once_all_have_much_in_hand_each_takes_little_more():
    assert [most_pending(of_all) for of_all in (0, MOST_PENDING - 1, MOST_PENDING)] == [
        MOST_PENDING_OF_ONE,
        MOST_PENDING_OF_ONE,
        LEAST_PENDING_OF_ONE,
    ]


@given(sensors, sensors)
def test_more_sensors_are_waited_for_longer(one, other):
    fewer, more = sorted([one, other])

    assert patience(fewer) <= patience(more)
