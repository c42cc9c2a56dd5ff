"""How a worker's heart beats: slowly while nothing runs, at once when something begins, fast for a while after it."""

import os
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from runbell.core.heartbeats import BEAT_SECONDS, SLOW_BEAT_SECONDS, STANDBY_BEAT_SECONDS
from runbell.engine.calls import Calls
from runbell.engine.markers import pause_of, turns
from runbell.ops import heart
from runbell.ops.heart import Heart

EVALUATION: Any = SimpleNamespace(event=SimpleNamespace(event_id=7), replay=0)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    for end in ends:
        os.set_blocking(end, False)
    yield ends
    for end in ends:
        os.close(end)


def beating(alarm: int) -> Calls:
    """The calls of a process whose heart has begun to beat."""
    calls = Calls()
    Heart(calls, alarm, lambda: None).beat()
    return calls


def beats_slowly(numbers: memoryview) -> bool:
    return pause_of(numbers) == SLOW_BEAT_SECONDS


async def until(holds: Callable[[], bool]) -> None:
    with anyio.fail_after(5):
        while not holds():
            await anyio.sleep(0.005)


async def test_a_function_that_begins_makes_it_beat_and_ring(pipe: tuple[int, int]):
    calls = beating(pipe[1])
    numbers = calls.markers.numbers
    assert beats_slowly(numbers)
    before = turns(numbers)

    calls.of("s", EVALUATION)

    assert (beats_slowly(numbers), turns(numbers)) == (False, before + 1)
    assert os.read(pipe[0], 100) == b"!"
    calls.of("s", EVALUATION)
    with pytest.raises(BlockingIOError):
        os.read(pipe[0], 100)


async def test_it_lingers_and_then_beats_slowly_again(monkeypatch: pytest.MonkeyPatch, pipe: tuple[int, int]):
    monkeypatch.setattr(heart, "LINGER_SECONDS", 1.0)
    monkeypatch.setattr(heart, "BEAT_SECONDS", 0.02)
    calls = beating(pipe[1])
    numbers = calls.markers.numbers
    calls.of("s", EVALUATION).mark.set()
    before = turns(numbers)

    await until(lambda: turns(numbers) > before + 5)
    assert not beats_slowly(numbers)
    await until(lambda: beats_slowly(numbers))


async def test_while_a_call_lives_it_does_not_slow_down(monkeypatch: pytest.MonkeyPatch, pipe: tuple[int, int]):
    monkeypatch.setattr(heart, "LINGER_SECONDS", 0.05)
    monkeypatch.setattr(heart, "BEAT_SECONDS", 0.02)
    calls = beating(pipe[1])
    numbers = calls.markers.numbers
    calls.of("s", EVALUATION)
    calls.live = 1
    before = turns(numbers)
    await until(lambda: turns(numbers) > before + 10)
    assert not beats_slowly(numbers)

    calls.live = 0

    await until(lambda: beats_slowly(numbers))


async def test_a_supervisor_that_is_gone_disturbs_nobody():
    calls = beating(-1)

    calls.of("s", EVALUATION)

    assert not beats_slowly(calls.markers.numbers)


async def test_it_looks_on_its_way(monkeypatch: pytest.MonkeyPatch, pipe: tuple[int, int]):
    monkeypatch.setattr(heart, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(heart, "SLOW_BEAT_SECONDS", 0.01)
    looks: list[bool] = []
    Heart(Calls(), pipe[1], lambda: looks.append(True)).beat()
    await until(lambda: len(looks) > 3)


async def test_a_standby_beats_once_a_second_until_it_is_promoted_and_then_at_once(pipe: tuple[int, int]):
    calls = Calls()
    numbers = calls.markers.numbers
    one = Heart(calls, pipe[1], lambda: None, standing_by=True)
    one.rise()
    assert turns(numbers) == 0, "it has not begun to beat"
    one.standing_by = True
    one.beat()
    assert pause_of(numbers) == STANDBY_BEAT_SECONDS

    one.rise()

    assert (pause_of(numbers), turns(numbers)) == (BEAT_SECONDS, 2)
    assert os.read(pipe[0], 100) == b"!"
    await until(lambda: beats_slowly(numbers))
