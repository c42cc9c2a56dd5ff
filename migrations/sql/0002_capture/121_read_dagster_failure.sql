-- Message and error of a run's failure, from the newest of its last `within` events that is one. Dagster commits that
-- event before it changes the run's status. The error of the run if it has one, else of the first step that failed.
-- Its own short lock_timeout: a locked event_logs costs the message, not the event.
CREATE FUNCTION runbell.read_dagster_failure(
    schema_name text, run_id text, within integer, OUT message text, OUT error jsonb
)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '30ms'
AS $$
DECLARE
    recorded text;
    failure jsonb;
BEGIN
    EXECUTE format(
        $query$
        SELECT last.event
        FROM (
            SELECT e.id, e.event, e.dagster_event_type
            FROM %I.event_logs AS e
            WHERE e.run_id = $1
            ORDER BY e.id DESC
            LIMIT $2
        ) AS last
        WHERE last.dagster_event_type = 'PIPELINE_FAILURE'
        ORDER BY last.id DESC
        LIMIT 1
        $query$,
        schema_name
    )
    INTO recorded
    USING run_id, within;
    failure := runbell.read_json(recorded) -> 'dagster_event';
    message := failure ->> 'message';
    error := coalesce(
        runbell.plain_error(failure #> '{event_specific_data,error}'),
        runbell.plain_error(failure #> '{event_specific_data,first_step_failure_event,event_specific_data,error}')
    );
END
$$
