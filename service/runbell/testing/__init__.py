"""What sensor authors test with: made-up events, contexts, evaluations, and a daemon in virtual time; no database.

The fixture `runbell_daemon` of Runbell's pytest plugin runs a real one.
"""

from runbell.testing.evaluating import (
    MAX_REQUESTS,
    Evaluated,
    build_run_status_sensor_context,
    evaluate,
)
from runbell.testing.happenings import Happened, made_up_event
from runbell.testing.log_lines import LogLine
from runbell.testing.virtual import Call, VirtualDaemon

__all__ = [
    "MAX_REQUESTS",
    "Call",
    "Evaluated",
    "Happened",
    "LogLine",
    "VirtualDaemon",
    "build_run_status_sensor_context",
    "evaluate",
    "made_up_event",
]
