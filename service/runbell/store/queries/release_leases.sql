-- Gives up every lease of a daemon.
-- $1 daemon_id uuid
UPDATE runbell.sensors
SET lease_holder = NULL
WHERE lease_holder = $1
