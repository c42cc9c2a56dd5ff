-- What this role may not do of what `serve` and the operator's commands do.
-- → missing
SELECT format('%s on table %s', r.right_name, c.oid::regclass) AS missing
FROM pg_class AS c
CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS r (right_name)
WHERE c.relnamespace = 'runbell'::regnamespace
    AND c.relkind IN ('r', 'p')
    AND (r.right_name = 'SELECT' OR c.relname NOT IN ('sources', 'alembic_version'))
    AND NOT has_table_privilege(c.oid, r.right_name)
UNION ALL
SELECT format('EXECUTE on function %s', p.oid::regprocedure)
FROM pg_proc AS p
WHERE p.pronamespace = 'runbell'::regnamespace
    AND p.prokind = 'f'
    AND p.prorettype <> 'trigger'::regtype
    AND NOT has_function_privilege(p.oid, 'EXECUTE')
UNION ALL
SELECT format('USAGE on sequence %s', c.oid::regclass)
FROM pg_class AS c
WHERE c.relnamespace = 'runbell'::regnamespace
    -- Asked of a sequence only, in whatever order the conditions are looked at.
    AND CASE WHEN c.relkind = 'S' THEN NOT has_sequence_privilege(c.oid, 'USAGE') ELSE false END
ORDER BY missing
