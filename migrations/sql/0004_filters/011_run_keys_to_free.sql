-- Keys that may become free, searched for each key that is taken: those that are taken for ever are not in it, and most
-- are.
CREATE INDEX run_keys_to_free ON runbell.run_keys (sensor_name, run_key)
WHERE policy <> 'forever' OR expires_at IS NOT NULL
