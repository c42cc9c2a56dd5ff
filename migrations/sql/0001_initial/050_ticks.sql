-- The record of a sensor's evaluations that were committed together.
CREATE TABLE runbell.ticks (
    tick_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sensor_name text NOT NULL,
    first_event_id bigint NOT NULL,
    last_event_id bigint NOT NULL,
    requested integer NOT NULL,
    acted integer NOT NULL,
    skipped integer NOT NULL,
    failed integer NOT NULL,
    details jsonb NOT NULL DEFAULT '[]',
    settled_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
