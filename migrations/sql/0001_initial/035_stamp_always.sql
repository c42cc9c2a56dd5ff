-- ALWAYS: also for rows that arrive by logical replication (session_replication_role = replica).
ALTER TABLE runbell.run_events ENABLE ALWAYS TRIGGER stamp_run_event
