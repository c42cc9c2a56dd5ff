-- The watermark after a round. It moves up to where the tables ended two rounds ago, and only once every transaction
-- that was open then has ended: ids are given out in another order than they become visible in. It never passes an
-- event or a run that was not captured.
CREATE FUNCTION runbell.next_dagster_watermark(attached runbell.sources, swept bigint) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    old jsonb := attached.watermark;
    now_at pg_snapshot := pg_current_snapshot();
    ends jsonb := runbell.first_watermark('dagster', attached.settings)
        || jsonb_build_object('xmax', pg_snapshot_xmax(now_at)::text);
    held_event bigint;
    held_run bigint;
BEGIN
    IF (old #>> '{older,xmax}')::xid8 > pg_snapshot_xmax(now_at) THEN
        -- Restored into another cluster, whose transaction ids mean something else.
        old := old - 'older' - 'newer';
    END IF;
    IF (old #>> '{older,xmax}')::xid8 <= pg_snapshot_xmin(now_at) THEN
        EXECUTE format(
            $query$
            SELECT
                (
                    SELECT min(e.id)
                    FROM runbell.dagster_event_types() AS m
                    CROSS JOIN LATERAL (
                        SELECT l.id, l.run_id
                        FROM %1$I.event_logs AS l
                        WHERE l.dagster_event_type = m.event_type AND l.id > $2
                    ) AS e
                    WHERE EXISTS (SELECT FROM %1$I.runs AS r WHERE r.run_id = e.run_id)
                        AND NOT EXISTS (
                            SELECT FROM runbell.run_events AS v
                            WHERE v.source = $1 AND v.run_id = e.run_id AND v.status = m.status
                        )
                ),
                (
                    SELECT min(r.id)
                    FROM %1$I.runs AS r
                    WHERE r.id > $3 AND r.run_id IS NOT NULL AND r.status IS NOT NULL
                        AND NOT EXISTS (
                            SELECT FROM runbell.runs AS k WHERE k.source = $1 AND k.run_id = r.run_id
                        )
                )
            $query$,
            attached.settings ->> 'schema'
        )
        INTO held_event, held_run
        USING attached.source, (old ->> 'event')::bigint, (old ->> 'run')::bigint;
        old := (old - 'older') || jsonb_build_object(
            'event', greatest((old ->> 'event')::bigint, least((old #>> '{older,event}')::bigint, held_event - 1)),
            'run', greatest((old ->> 'run')::bigint, least((old #>> '{older,run}')::bigint, held_run - 1))
        );
    END IF;
    IF old -> 'older' IS NULL AND old -> 'newer' IS NOT NULL THEN
        old := old || jsonb_build_object('older', old -> 'newer', 'newer', ends);
    ELSIF old -> 'newer' IS NULL THEN
        old := old || jsonb_build_object('newer', ends);
    END IF;
    RETURN old || jsonb_build_object('swept', swept);
END
$$
