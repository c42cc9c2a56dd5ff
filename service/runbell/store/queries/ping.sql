-- Is anybody there? A connection that died silently looks idle until something is asked.
SELECT
