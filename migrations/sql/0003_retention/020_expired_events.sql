-- The events that it asked for and that were removed unseen, because it was stopped for longer than they are kept.
ALTER TABLE runbell.sensors ADD COLUMN expired_events bigint NOT NULL DEFAULT 0
