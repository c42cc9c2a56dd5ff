-- Without an alias: nobody reads by it any more.
DROP FUNCTION runbell.optional_column_sql(text)
