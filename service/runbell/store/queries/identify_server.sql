-- Which server is this? A promoted one hands out transaction ids again that memory takes for known; a hot standby's
-- snapshots lack the running transactions.
-- The timeline is the one that is written to now: the control file knows it only since the checkpoint after a promotion.
-- → system_identifier, timeline, database_name, in_recovery
SELECT
    (SELECT c.system_identifier FROM pg_control_system() AS c) AS system_identifier,
    CASE
        WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_lsn()), 8)
    END AS timeline,
    current_database()::text AS database_name,
    pg_is_in_recovery() AS in_recovery
