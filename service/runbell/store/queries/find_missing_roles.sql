-- Names that no role has, each once, in the order given.
-- $1 role_names text[]
SELECT t.role_name
FROM unnest($1::text[]) WITH ORDINALITY AS t (role_name, position)
WHERE NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = t.role_name)
GROUP BY t.role_name
ORDER BY min(t.position)
