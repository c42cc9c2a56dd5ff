-- Which server is this? A promoted one hands out transaction ids again that memory takes for known; a hot standby's
-- snapshots lack the running transactions.
-- → system_identifier, timeline, in_recovery
SELECT
    (SELECT c.system_identifier FROM pg_control_system() AS c) AS system_identifier,
    (SELECT p.timeline_id FROM pg_control_checkpoint() AS p) AS timeline,
    pg_is_in_recovery() AS in_recovery
