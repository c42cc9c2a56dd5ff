"""What is wrong with a sensor."""

from dataclasses import dataclass, replace

import pytest

from runbell.core.troubles import troubles


@dataclass(frozen=True)
class Sensor:
    active: bool = True
    orphaned: bool = False
    owned: bool = True
    failing_seconds: float = 0.0
    lag_seconds: float = 0.0
    lag_events: int = 0


WELL = Sensor()


@pytest.mark.parametrize(
    ("sensor", "kinds"),
    [
        (WELL, []),
        (replace(WELL, owned=False, failing_seconds=9, lag_seconds=9, lag_events=1), ["unowned", "failing", "behind"]),
        (replace(WELL, orphaned=True, owned=False, lag_seconds=9, lag_events=1), ["orphaned"]),
        (replace(WELL, active=False, owned=False, failing_seconds=9), []),
        (replace(WELL, failing_seconds=0.9, lag_seconds=0.9, lag_events=7), []),
        # Nothing that it asks for lies beyond its place, however old that is.
        (replace(WELL, lag_seconds=9), []),
    ],
)
def test_what_matters_most_comes_first(sensor, kinds):
    assert [trouble.kind for trouble in troubles(sensor)] == kinds


def test_one_event_waits_and_several_wait():
    said = [troubles(replace(WELL, lag_seconds=75, lag_events=count))[0].words for count in (1, 2)]

    assert said == ["it is 1 min 15 s behind; 1 event waits", "it is 1 min 15 s behind; 2 events wait"]
