-- The part of queries/settle.sql that concerns rows in evaluations: new ones for what a place moves over without its
-- being done, and those that have finished. Most commits have neither; three writes to a table that they leave alone
-- took a fifth of the time that their statement took.
-- held: the sensors whose part takes effect. The other arguments: as there.
CREATE FUNCTION runbell.settle_evaluations(
    held text[],
    new_sensor_name text[], new_event_id bigint[], new_state text[], new_attempts integer[], new_due_in float8[],
    new_error text[],
    done_sensor_name text[], done_event_id bigint[], done_replay bigint[], done_attempts integer[],
    done_state text[], done_due_in float8[], done_error text[]
) RETURNS TABLE (sensor_name text, event_id bigint, replay bigint)
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH finished_rows AS MATERIALIZED (
        SELECT *
        FROM unnest(
            done_sensor_name, done_event_id, done_replay, done_attempts, done_state, done_due_in, done_error
        ) AS t (sensor_name, event_id, replay, attempts, state, due_in, error)
    ),
    held_rows AS MATERIALIZED (
        SELECT v.evaluation_id, v.sensor_name, v.event_id, v.replay, f.state, f.due_in, f.error
        FROM runbell.evaluations AS v
        JOIN finished_rows AS f
            ON f.sensor_name = v.sensor_name AND f.event_id = v.event_id AND f.replay = v.replay
        WHERE f.sensor_name = ANY (held) AND v.attempts = f.attempts AND v.state IN ('running', 'retry')
        ORDER BY v.sensor_name, v.event_id, v.replay
        FOR UPDATE OF v
    ),
    kept AS (
        INSERT INTO runbell.evaluations AS v (sensor_name, event_id, state, attempts, due_at, error)
        SELECT
            t.sensor_name, t.event_id, t.state, t.attempts,
            clock_timestamp() + make_interval(secs => t.due_in), t.error
        FROM unnest(new_sensor_name, new_event_id, new_state, new_attempts, new_due_in, new_error) AS t (
            sensor_name, event_id, state, attempts, due_in, error
        )
        WHERE t.sensor_name = ANY (held)
        ORDER BY t.sensor_name, t.event_id
        ON CONFLICT ON CONSTRAINT evaluations_once_per_event DO UPDATE
        SET state = excluded.state,
            attempts = excluded.attempts,
            due_at = excluded.due_at,
            error = excluded.error,
            updated_at = clock_timestamp()
    ),
    removed AS (
        DELETE FROM runbell.evaluations AS v
        USING held_rows AS h
        WHERE v.evaluation_id = h.evaluation_id AND h.state = 'done'
    ),
    rescheduled AS (
        UPDATE runbell.evaluations AS v
        SET state = h.state,
            attempts = v.attempts + 1,
            due_at = clock_timestamp() + make_interval(secs => h.due_in),
            error = h.error,
            updated_at = clock_timestamp()
        FROM held_rows AS h
        WHERE v.evaluation_id = h.evaluation_id AND h.state <> 'done'
    )
    SELECT h.sensor_name, h.event_id, h.replay FROM held_rows AS h;
END
$$
