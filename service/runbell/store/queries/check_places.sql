-- Do the stored places mean anything on this server? Another cluster counts transactions differently; a snapshot above the
-- current one belongs to a history that is gone.
-- → unfinished (events are not stamped: a restore is still going on), other_cluster, ahead (a sensor whose place lies
--   above the server)
SELECT
    NOT EXISTS (
        SELECT
        FROM pg_trigger AS t
        WHERE t.tgrelid = 'runbell.run_events'::regclass AND t.tgname = 'stamp_run_event' AND t.tgenabled = 'A'
    ) AS unfinished,
    (SELECT c.system_identifier FROM runbell.cluster AS c)
        <> (SELECT c.system_identifier FROM pg_control_system() AS c) AS other_cluster,
    (SELECT p.sensor_name FROM runbell.list_places_ahead() AS p (sensor_name) LIMIT 1) AS ahead
