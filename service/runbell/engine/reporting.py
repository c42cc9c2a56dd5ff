"""Says what has been settled: one log event an evaluation, folded where there would be too many."""

import logging
import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import anyio
import structlog

from runbell.core.progress import Evaluation
from runbell.engine.doorbell import Doorbell
from runbell.engine.measures import Measures
from runbell.store.settling import EvaluationKey

log = structlog.get_logger()
# Above so many a second of one sensor, what neither failed nor requested is counted instead of told.
TOLD_PER_SECOND = 100
WINDOW_SECONDS = 1.0
FOLDED = frozenset({"acted", "skipped", "shadowed"})


@dataclass(slots=True)
class _Window:
    ends_at: float
    told: int = 0
    folded: Counter[str] = field(default_factory=lambda: Counter(acted=0, skipped=0))


class Reporter:
    """Tells the log and the measures of each settled evaluation.

    Attributes:
        measures: who takes the measurements.
    """

    def __init__(self, measures: Measures) -> None:
        self.measures = measures
        self._windows: dict[str, _Window] = {}
        self._begun = Doorbell()

    def settled(
        self, sensor_name: str, evaluations: Sequence[Evaluation], requests: Mapping[EvaluationKey, Sequence[int]]
    ) -> None:
        """One commit has settled these evaluations of a sensor; `requests`: the ids of what they asked for."""
        self.measures.committed(sensor_name, evaluations)
        # Asked once: with a thousand evaluations a commit it was a thirtieth of what a backlog costs.
        now, all_told, latencies = time.time(), log.is_enabled_for(logging.INFO), []
        for evaluation in evaluations:
            event = evaluation.event
            request_ids = requests.get((sensor_name, event.event_id, evaluation.replay), ())
            lag = now - event.recorded_at
            # A row put in by hand may say that it was recorded at the end of time.
            lag = lag if math.isfinite(lag) else 0.0
            if request_ids:
                latencies.append(lag)
            outcome = evaluation.conclusion.outcome if evaluation.conclusion is not None else ""
            if not all_told and outcome != "failed":
                continue
            if not (outcome in FOLDED and self._fold(sensor_name, outcome)):
                self._tell(sensor_name, evaluation, request_ids, lag)
        self.measures.requested(latencies)

    async def run(self) -> None:
        """Tell of the folded ones, once a second while there are any; else it sleeps."""
        while True:
            await self._begun.wait()
            await anyio.sleep(WINDOW_SECONDS)
            self.flush(anyio.current_time())
            if self._windows:
                self._begun.ring()

    def flush(self, now: float) -> None:
        """Tell of every window that has ended by `now`."""
        for sensor_name, window in list(self._windows.items()):
            if window.ends_at <= now:
                del self._windows[sensor_name]
                if any(window.folded.values()):
                    log.info(
                        "sensor_evaluated_many", sensor=sensor_name, window_ms=WINDOW_SECONDS * 1000, **window.folded
                    )

    def _fold(self, sensor_name: str, outcome: str) -> bool:
        now = anyio.current_time()
        window = self._windows.get(sensor_name)
        if window is None or window.ends_at <= now:
            self.flush(now)
            window = self._windows[sensor_name] = _Window(now + WINDOW_SECONDS)
            self._begun.ring()
        window.told += 1
        if window.told <= TOLD_PER_SECOND:
            return False
        window.folded[outcome] += 1
        return True

    def _tell(self, sensor_name: str, evaluation: Evaluation, request_ids: Sequence[int], lag: float) -> None:
        event, conclusion = evaluation.event, evaluation.conclusion
        assert conclusion is not None  # noqa: S101 - the caller looked
        facts: dict[str, object] = {
            "outcome": conclusion.outcome,
            "sensor": sensor_name,
            "event_id": event.event_id,
            "run_id": event.run_id,
            "job_name": event.job_name,
            "status": event.status,
            "duration_ms": round(evaluation.duration_ms, 3),
            "lag_ms": round(lag * 1000, 3),
        }
        if request_ids or conclusion.outcome == "requested":
            facts["request_ids"] = list(request_ids)
        if conclusion.reason:
            facts["reason"] = conclusion.reason
        if conclusion.outcome != "failed":
            log.info("sensor_evaluated", **facts)
            return
        attempts = evaluation.attempts + 1
        log.warning(
            "sensor_evaluated", **facts, error=conclusion.error, attempts=attempts, retry_in=evaluation.retry_in
        )
        if evaluation.retry_in is None:
            log.error(
                "dead_letter_added",
                sensor=sensor_name,
                event_id=event.event_id,
                run_id=event.run_id,
                attempts=attempts,
                error=conclusion.error,
            )
