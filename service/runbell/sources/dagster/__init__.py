"""Dagster's own objects, where Dagster is installed. Nothing here is imported before somebody asks for one of them.

`names.py` passes Dagster's names on, so that `import runbell as dg` can stand where `import dagster as dg` stood;
`definitions.py` has Dagster accept Runbell's sensors. Only public names of Dagster are used, except where a file says
which others it reads, and why.
"""
