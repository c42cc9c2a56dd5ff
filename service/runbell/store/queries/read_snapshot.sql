-- Where the tail starts: now. The statement's transaction has written no event.
SELECT pg_current_snapshot()::text AS snapshot
