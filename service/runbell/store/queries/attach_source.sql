-- Attaches a source, without triggers; false: it was attached already.
-- $1 source text
-- $2 kind text
-- $3 settings text  JSON
SELECT runbell.attach_source($1::text, $2::text, $3::text::jsonb)
