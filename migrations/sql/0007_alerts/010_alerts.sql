-- What alert sensors with a window have sent, by what makes two alerts one (a job, say).
-- claimed_by: the evaluation that is sending one, until claimed_until at most. sent_by, sent_at: the last that was sent.
-- muted: how many were not sent since. muted_by: the last of these, so that a repeated call is not counted twice.
CREATE TABLE runbell.alerts (
    sensor_name text NOT NULL,
    alert_key text NOT NULL,
    claimed_by text,
    claimed_until timestamptz NOT NULL,
    sent_by text,
    sent_at timestamptz,
    muted bigint NOT NULL DEFAULT 0,
    muted_by text,
    PRIMARY KEY (sensor_name, alert_key)
)
