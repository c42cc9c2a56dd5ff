-- Writes down what came of telling what this process had claimed; a claim that was lost meanwhile changes nothing.
-- $1 claim uuid
-- $2 notifier text
-- $3 told boolean        else it is tried again
-- $4 wait_seconds float8 after so long
UPDATE runbell.troubles AS t
SET claim = NULL,
    claimed_until = CASE WHEN $3::boolean THEN NULL ELSE clock_timestamp() + make_interval(secs => $4::float8) END,
    failures = CASE WHEN $3::boolean THEN 0 ELSE t.failures + 1 END,
    told_at = CASE WHEN $3::boolean THEN clock_timestamp() ELSE t.told_at END
WHERE t.claim = $1::uuid AND t.notifier = $2::text
