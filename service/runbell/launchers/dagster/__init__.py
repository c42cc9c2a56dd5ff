"""Dagster as a target: requests become runs through the GraphQL API of its webserver.

Not through Dagster's Python client or its instance: those need Dagster installed in the launcher, in the version of the
server, with 130 MB of memory and threads for calls that cannot be cancelled, and the instance the password of its
database too. GraphQL needs an address, and is what Dagster's own UI launches with.

Launching is not idempotent there: `target.py` says how a request is launched once all the same. `graphql.py` speaks to
the webserver, `workspace.py` finds a job's repository and location, `partitions.py` what a partition adds,
`execution.py` says what is launched, `launched.py` finds the run of a request.
"""
