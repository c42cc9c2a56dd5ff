-- Falls asleep: from here on every writer is refused its lock and rings. Never waits: a queued request is no sleep.
LOCK TABLE runbell.bell IN SHARE MODE NOWAIT
