"""What the operator touches: settings, the loading of sensors, logs, the schema, http and the command line.

`cli.py` lists the commands; each is a module in `commands/`, imported only when it is called. Errors that an operator
can do something about become one sentence and an exit code in `failures.py`.
"""
