"""How a run request becomes a run: `loop.py` claims and reports, a target starts the run in its orchestrator.

Begin with `targets.py` (what a target must do), then `loop.py`. Nothing here speaks SQL or knows about sensors.
"""
