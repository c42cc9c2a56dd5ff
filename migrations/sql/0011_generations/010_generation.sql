-- The page that the row's version before the last settlement lay in: see sensors_pkey.
ALTER TABLE runbell.sensors ADD COLUMN generation bigint NOT NULL DEFAULT 0
