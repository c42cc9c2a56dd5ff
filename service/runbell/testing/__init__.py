"""What sensor authors test with: made-up events, contexts, evaluations; no database."""

from runbell.testing.evaluating import (
    MAX_REQUESTS,
    Evaluated,
    build_run_status_sensor_context,
    evaluate,
)
from runbell.testing.happenings import Happened, made_up_event
from runbell.testing.log_lines import LogLine

__all__ = [
    "MAX_REQUESTS",
    "Evaluated",
    "Happened",
    "LogLine",
    "build_run_status_sensor_context",
    "evaluate",
    "made_up_event",
]
