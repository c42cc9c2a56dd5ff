-- Its callers find the one with an alias, which is `t` if they give none.
DROP FUNCTION runbell.read_table_sql(jsonb)
