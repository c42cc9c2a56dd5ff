-- Ends what is left of the sessions of dead processes: a statement on its way, a sleep on the doorbell.
-- Only sessions of this role: others could not be ended and are left alone.
-- $1 suffixes text[]  that their application names end with
SELECT count(pg_terminate_backend(a.pid)) AS ended
FROM pg_stat_activity AS a
JOIN unnest($1::text[]) AS t (suffix) ON right(a.application_name, length(t.suffix)) = t.suffix
WHERE a.datname = current_database()
    AND a.usename = current_user
    AND a.application_name LIKE 'runbell %'
