-- The attached sources.
SELECT s.source, s.kind, nullif(s.settings ->> 'trigger', 'none') AS trigger, s.settings::text AS settings
FROM runbell.sources AS s
ORDER BY s.source
