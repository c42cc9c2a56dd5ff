-- The live processes. A holder whose beat stands still and whose session lock is free has died.
CREATE TABLE runbell.daemons (
    daemon_id uuid PRIMARY KEY,
    lock_key bigint NOT NULL,
    module text NOT NULL,
    code_location text,
    hostname text NOT NULL,
    pid integer NOT NULL,
    beat bigint NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50)
