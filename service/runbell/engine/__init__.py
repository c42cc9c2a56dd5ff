"""The long-lived services, in task groups. An event walks through the files in this order:

`listener` (it rings) -> `tail` (one read for all sensors; `backlog` for those that are behind) -> `lanes` (order and
concurrency) -> `evaluator` (calls the function) -> `committer` (settles what has finished) -> `reporting` (says so).
Beside them: `retries` calls again what failed, `tenure` keeps the leases, `reconciler` closes what capture missed.
`term` is what is held in memory while the leases are held; `daemon` runs one term after another.

Services decide nothing that `core` could decide. Every task has a parent, and starting one means that it is ready.
"""
