-- Requests that wait for a moment. The slow timer looks for those whose moment has come: without this it passed all open
-- ones each time, 0.2 s with a million of them, for which a ring waited.
CREATE INDEX run_requests_due ON runbell.run_requests (due_at)
    WHERE state IN ('pending', 'claimed') AND due_at IS NOT NULL
