-- Waits until a peer's session lock is free, or until the seconds have passed; true: it is free.
-- $1 lock_key bigint
-- $2 seconds  double precision
SELECT runbell.watch_daemon($1::bigint, $2::double precision)
