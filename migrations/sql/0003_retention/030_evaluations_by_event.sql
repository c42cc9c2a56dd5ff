-- Whether an event still waits in `evaluations` is asked for each that may be removed.
CREATE INDEX evaluations_by_event ON runbell.evaluations (event_id)
