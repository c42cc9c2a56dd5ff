-- Is this a server on which stored places mean something? A hot standby's snapshots lack running transactions; another
-- cluster counts transactions differently; a snapshot above the current one belongs to a history that is gone.
-- → in_recovery, other_cluster, ahead (a sensor whose place lies above the server), timeline
SELECT
    pg_is_in_recovery() AS in_recovery,
    (SELECT c.system_identifier FROM runbell.cluster AS c)
        <> (SELECT c.system_identifier FROM pg_control_system() AS c) AS other_cluster,
    (
        SELECT s.sensor_name
        FROM runbell.sensors AS s
        WHERE pg_snapshot_xmax(s.position) > pg_snapshot_xmax(pg_current_snapshot())
            OR pg_snapshot_xmax(s.upper) > pg_snapshot_xmax(pg_current_snapshot())
        ORDER BY s.sensor_name
        LIMIT 1
    ) AS ahead,
    (SELECT p.timeline_id FROM pg_control_checkpoint() AS p) AS timeline
