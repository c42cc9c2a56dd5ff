-- Gives a session its settings, a row for each that the server knows; none where a pooler stands in between: there the
-- backend is not the one that the client was introduced to, and a setting would stay on a session that others use.
-- Sent as text without parameters, since a prepared statement would stay there too. Names are qualified: the search path
-- is one of the settings.
-- $1 settings jsonb, $2 backend integer (null: whichever it is), $3 local boolean (for the transaction)
SELECT pg_catalog.set_config(s.key, s.value, $3::boolean)
FROM pg_catalog.jsonb_each_text($1::jsonb) AS s
WHERE ($2::integer IS NULL OR $2::integer = pg_catalog.pg_backend_pid())
    AND pg_catalog.current_setting(s.key, true) IS NOT NULL
