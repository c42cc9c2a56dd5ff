-- Was this status change recorded ahead of its run's row? Asked once: the answer removes the note.
CREATE FUNCTION runbell.take_overtaken(run runbell.runs) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM runbell.overtaken AS o
    WHERE o.source = run.source AND o.run_id = run.run_id AND o.status = run.status;
    RETURN FOUND;
END
$$
