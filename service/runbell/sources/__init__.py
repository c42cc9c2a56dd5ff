"""What each orchestrator's tables mean. Triggers capture status changes as they are made, inside the orchestrator's own
transaction; the reconciler compares its tables with what was captured and records what is missing.

The meaning itself lies in SQL (`migrations/sql/0002_capture`), because that is where the triggers run: `attached.py`
says what is attached, `attaching.py` attaches and detaches, `reconciling.py` closes gaps, `details.py` reads more about
a run.
"""
