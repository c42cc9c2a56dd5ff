-- Targets for which nothing is launched: requests for them are kept and wait.
CREATE TABLE runbell.paused_targets (
    target text PRIMARY KEY,
    paused_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
