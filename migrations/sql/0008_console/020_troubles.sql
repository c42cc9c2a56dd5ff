-- What has been told of each sensor that is in trouble, to each notifier: a row from the moment that it is told until
-- the trouble has been gone for a while, so that one that comes and goes is told once.
-- notifier: the digest of a URL, never the URL itself. claimed_until: one process is telling it, or it is tried again
-- then. failures: how often telling it has failed in a row.
CREATE TABLE runbell.troubles (
    sensor_name text NOT NULL,
    kind text NOT NULL,
    notifier text NOT NULL,
    claim uuid,
    claimed_until timestamptz,
    failures integer NOT NULL DEFAULT 0,
    told_at timestamptz,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (sensor_name, kind, notifier)
)
