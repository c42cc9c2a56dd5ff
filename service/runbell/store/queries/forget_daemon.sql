-- These processes are no longer live; the others share the leases anew.
-- $1 daemon_ids uuid[]
WITH forgotten AS (
    DELETE FROM runbell.daemons
    WHERE daemon_id = ANY ($1::uuid[])
    RETURNING daemon_id
)
SELECT runbell.ring('runbell_leases')
WHERE EXISTS (SELECT FROM forgotten)
