-- A run key is unique per sensor for as long as this row stands; retention of requests does not touch it.
CREATE TABLE runbell.run_keys (
    sensor_name text NOT NULL,
    run_key text NOT NULL,
    request_id bigint NOT NULL,
    expires_at timestamptz,
    PRIMARY KEY (sensor_name, run_key)
)
