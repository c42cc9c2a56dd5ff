"""The only code that speaks SQL. One statement a file in `queries/`; the function that sends it has the file's name.

Nothing here decides: values go in, rows come out as values of the core. `connections.py` makes the connections,
`statements.py` reads the files; driver errors are translated once, at this edge (`failures.py`).
"""
