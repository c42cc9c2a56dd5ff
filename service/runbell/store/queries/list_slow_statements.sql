-- Statements of Runbell's own sessions that take long, and whose locks they wait for. Not those that wait on purpose.
-- $1 seconds  float8  for so long, at least
-- → pid, role, seconds, blockers
SELECT
    a.pid,
    substr(a.application_name, 9) AS role,
    extract(EPOCH FROM clock_timestamp() - a.query_start)::float8 AS seconds,
    pg_blocking_pids(a.pid) AS blockers
FROM pg_stat_activity AS a
WHERE a.datname = current_database()
    AND a.application_name LIKE 'runbell %'
    AND a.application_name NOT LIKE 'runbell watcher%'
    AND a.application_name NOT LIKE 'runbell command%'
    AND a.application_name NOT LIKE 'runbell metrics%'
    AND a.state = 'active'
    AND a.pid <> pg_backend_pid()
    AND a.query_start <= clock_timestamp() - make_interval(secs => $1::float8)
ORDER BY a.query_start
