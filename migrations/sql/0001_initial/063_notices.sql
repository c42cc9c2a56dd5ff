-- What has been told of each sensor that has dead letters, to each notifier: a row while there are any.
-- notifier: the digest of a URL, never the URL itself. claimed_until: one process is telling it, or it is tried again
-- then. failures: how often telling it has failed in a row.
CREATE TABLE runbell.notices (
    sensor_name text NOT NULL,
    notifier text NOT NULL,
    claim uuid,
    claimed_until timestamptz,
    failures integer NOT NULL DEFAULT 0,
    told_at timestamptz,
    PRIMARY KEY (sensor_name, notifier)
)
