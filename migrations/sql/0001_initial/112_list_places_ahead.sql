-- Sensors whose place lies above this server's transactions: it belongs to a history that this server does not have.
CREATE FUNCTION runbell.list_places_ahead() RETURNS SETOF text
LANGUAGE sql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT s.sensor_name
    FROM runbell.sensors AS s
    WHERE pg_snapshot_xmax(s.position) > pg_snapshot_xmax(pg_current_snapshot())
        OR pg_snapshot_xmax(s.upper) > pg_snapshot_xmax(pg_current_snapshot())
    ORDER BY s.sensor_name
$$
