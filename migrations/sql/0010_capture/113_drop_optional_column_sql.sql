-- Only the former read_table_sql asked for a column without saying of which row.
DROP FUNCTION runbell.optional_column_sql(text)
