-- The order in which a place moves: every read of events goes through this index.
CREATE INDEX run_events_by_xid ON runbell.run_events (xid, event_id)
