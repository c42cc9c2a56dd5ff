-- The snapshot that sees the classes of events that a place had passed. Class n has the transaction id 2 + n; its vector
-- has a 1 in each position whose place had passed it, or is empty: none had.
CREATE FUNCTION runbell.rebased_place(vectors text[], place integer) RETURNS pg_snapshot
LANGUAGE sql
IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format(
        '%s:%s:%s', coalesce(min(v.xid), 3 + cardinality(vectors), 3), coalesce(3 + cardinality(vectors), 3),
        string_agg(v.xid::text, ',' ORDER BY v.xid)
    )::pg_snapshot
    FROM (
        SELECT 2 + t.ordinal AS xid
        FROM unnest(vectors) WITH ORDINALITY AS t (vector, ordinal)
        WHERE substr(t.vector, place, 1) <> '1'
    ) AS v
$$
