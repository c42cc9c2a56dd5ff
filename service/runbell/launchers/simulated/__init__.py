"""A small orchestrator that runs nothing and records everything: something to look at, for `dev` and the demo.

`jobs.py` says which jobs there are and which of their runs fail, `runs.py` lets runs happen, `schedule.py` starts the
first job of the chain every few seconds, `target.py` starts what sensors request.
"""
