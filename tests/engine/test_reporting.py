"""What the log tells of settled evaluations: each that failed or requested, of the others what can be read."""

from collections import Counter
from collections.abc import Sequence

import anyio
import pytest
from structlog.testing import capture_logs

from runbell.core.progress import Evaluation
from runbell.core.requests import Conclusion, RequestDraft
from runbell.engine import reporting
from runbell.engine.measures import Measures
from runbell.engine.reporting import TOLD_PER_SECOND, Reporter
from runbell.testing import made_up_event

OUTCOMES = {
    "acted": Conclusion("acted"),
    "skipped": Conclusion("skipped", reason="not today"),
    "requested": Conclusion("requested", (RequestDraft("j"),)),
    "failed": Conclusion("failed", error="ValueError: no"),
}


class Counting(Measures):
    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()

    def committed(self, sensor: str, evaluations: Sequence[Evaluation]) -> None:
        self.outcomes.update(one.conclusion.outcome for one in evaluations if one.conclusion)


def evaluation(outcome: str, retry_in: float | None = None) -> Evaluation:
    return Evaluation(made_up_event(job_name="etl"), conclusion=OUTCOMES[outcome], retry_in=retry_in)


async def test_what_was_folded_is_told_a_second_later_and_without_any_nothing_wakes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reporting, "WINDOW_SECONDS", 0.05)
    reporter = Reporter(Measures())
    flushes: list[float] = []
    flush = reporter.flush
    monkeypatch.setattr(reporter, "flush", lambda now: flushes.append(now) or flush(now))

    def told_of() -> int:
        return sum(line["acted"] for line in told if line["event"] == "sensor_evaluated_many")

    with capture_logs() as told:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(reporter.run)
            await anyio.sleep(0.3)
            assert flushes == []
            for _ in range(2):
                already = told_of()
                reporter.settled("s", [evaluation("acted") for _ in range(TOLD_PER_SECOND + 50)], {})
                with anyio.fail_after(5):
                    while told_of() == already:
                        await anyio.sleep(0.005)
            tasks.cancel_scope.cancel()

    assert told_of() == 100


async def test_above_a_hundred_a_second_what_neither_failed_nor_requested_is_counted() -> None:
    measures = Counting()
    reporter = Reporter(measures)
    with capture_logs() as told:
        reporter.settled("s", [evaluation("acted") for _ in range(TOLD_PER_SECOND + 50)], {})
        for _ in range(20):
            reporter.settled("s", [evaluation("skipped")], {})
        for _ in range(5):
            reporter.settled("s", [evaluation("requested"), evaluation("failed", retry_in=1.0)], {})
        reporter.settled("another", [evaluation("acted")], {})
        reporter.flush(anyio.current_time() + 2)

    events = Counter(line["outcome"] for line in told if line["event"] == "sensor_evaluated" and line["sensor"] == "s")
    assert events == {"acted": TOLD_PER_SECOND, "requested": 5, "failed": 5}
    (many,) = [line for line in told if line["event"] == "sensor_evaluated_many"]
    assert {key: many[key] for key in ("sensor", "window_ms", "acted", "skipped")} == {
        "sensor": "s",
        "window_ms": 1000.0,
        "acted": 50,
        "skipped": 20,
    }
    assert measures.outcomes == {"acted": TOLD_PER_SECOND + 51, "skipped": 20, "requested": 5, "failed": 5}


@pytest.mark.parametrize(("retry_in", "dead"), [(1.0, 0), (None, 1)])
async def test_a_dead_letter_is_told_once_when_nothing_will_be_tried_again(retry_in: float | None, dead: int) -> None:
    with capture_logs() as told:
        Reporter(Measures()).settled("s", [evaluation("failed", retry_in)], {})

    assert [line["event"] for line in told].count("dead_letter_added") == dead
    assert told[0]["log_level"] == "warning"


async def test_a_line_names_sensor_event_run_and_what_was_requested() -> None:
    with capture_logs() as told:
        asked = evaluation("requested")
        Reporter(Measures()).settled("s", [asked], {("s", asked.event.event_id, 0): [7, 8]})

    (line,) = told
    assert line["request_ids"] == [7, 8]
    assert line["job_name"] == "etl"
    assert {"event_id", "run_id", "status", "duration_ms", "lag_ms"} <= set(line)
