-- Without an alias: nobody reads by it any more.
DROP FUNCTION runbell.read_table_sql(jsonb)
