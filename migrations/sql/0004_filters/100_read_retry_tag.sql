-- What the orchestrator says now of a failed run: will it be retried? Dagster writes that tag a moment after it has
-- changed the status, so the event does not have it.
-- While somebody has locked the tables it is not known: to be asked again, however old the event is.
-- tag: the tag's value, or null. may_come: it is not there, and may still be written. age_seconds: of the event.
CREATE FUNCTION runbell.read_retry_tag(
    source text, run_id text, event_id bigint, OUT tag text, OUT may_come boolean, OUT age_seconds double precision
)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms'
AS $$
DECLARE
    schema_name text := (
        SELECT s.settings ->> 'schema' FROM runbell.sources AS s
        WHERE s.source = read_retry_tag.source AND s.kind = 'dagster'
    );
BEGIN
    tag := (
        SELECT r.tags ->> 'dagster/will_retry' FROM runbell.runs AS r
        WHERE r.source = read_retry_tag.source AND r.run_id = read_retry_tag.run_id
    );
    may_come := false;
    IF schema_name IS NOT NULL THEN
        EXECUTE format(
            $query$
            SELECT
                (SELECT t.value FROM %1$I.run_tags AS t WHERE t.run_id = $1 AND t.key = 'dagster/will_retry' LIMIT 1),
                EXISTS (SELECT FROM %1$I.runs AS r WHERE r.run_id = $1 AND r.status = 'FAILURE')
            $query$,
            schema_name
        )
        INTO tag, may_come
        USING read_retry_tag.run_id;
        may_come := may_come AND tag IS NULL;
    END IF;
    age_seconds := coalesce(
        (
            SELECT extract(EPOCH FROM clock_timestamp() - e.recorded_at)
            FROM runbell.run_events AS e
            WHERE e.event_id = read_retry_tag.event_id AND isfinite(e.recorded_at)
        ),
        0
    );
EXCEPTION
WHEN undefined_table OR undefined_column OR insufficient_privilege THEN
    RAISE EXCEPTION 'source % cannot be read: %', source, SQLERRM USING ERRCODE = 'invalid_parameter_value';
WHEN lock_not_available THEN
    may_come := tag IS NULL;
    age_seconds := 0;
END
$$
