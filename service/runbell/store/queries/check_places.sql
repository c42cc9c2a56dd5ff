-- Do the stored places mean anything on this server? Another cluster counts transactions differently; a snapshot above the
-- current one belongs to a history that is gone.
-- → other_cluster, ahead (a sensor whose place lies above the server)
SELECT
    (SELECT c.system_identifier FROM runbell.cluster AS c)
        <> (SELECT c.system_identifier FROM pg_control_system() AS c) AS other_cluster,
    (
        SELECT s.sensor_name
        FROM runbell.sensors AS s
        WHERE pg_snapshot_xmax(s.position) > pg_snapshot_xmax(pg_current_snapshot())
            OR pg_snapshot_xmax(s.upper) > pg_snapshot_xmax(pg_current_snapshot())
        ORDER BY s.sensor_name
        LIMIT 1
    ) AS ahead
