-- Says anew what each place has passed, after a restore into another cluster.
-- → busy (another process is at it), and how many sensors, events, and events that some place had not passed
SELECT
    r.busy,
    r.sensors,
    r.events,
    r.unread
FROM runbell.rebase_places() AS r
