-- What keeps a source from being read, one sentence each: a table or column that is not there, or a right that the
-- owner of Runbell's functions lacks, because it is in his name that they read.
CREATE FUNCTION runbell.find_source_faults(kind text, settings jsonb) RETURNS SETOF text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted record;
    found oid;
    missing text;
    reader text := (
        SELECT pg_get_userbyid(p.proowner) FROM pg_proc AS p
        WHERE p.oid = 'runbell.find_source_faults(text, jsonb)'::regprocedure
    );
BEGIN
    FOR wanted IN SELECT * FROM runbell.source_tables(kind, settings) LOOP
        SELECT c.oid INTO found
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = wanted.table_schema AND c.relname = wanted.table_name
            AND c.relkind IN ('r', 'p', 'v', 'm', 'f');
        IF found IS NULL THEN
            RETURN NEXT format(
                'there is no table %I.%I: name the database and the schema that the runs are kept in',
                wanted.table_schema, wanted.table_name
            );
            CONTINUE;
        END IF;
        FOREACH missing IN ARRAY wanted.table_columns LOOP
            IF NOT EXISTS (
                SELECT FROM pg_attribute AS a
                WHERE a.attrelid = found AND a.attname = missing AND a.attnum > 0 AND NOT a.attisdropped
            ) THEN
                RETURN NEXT format(
                    'table %I.%I has no column %I: name a table and columns that hold runs',
                    wanted.table_schema, wanted.table_name, missing
                );
            END IF;
        END LOOP;
        IF NOT (
            has_schema_privilege(reader, wanted.table_schema, 'USAGE') AND has_table_privilege(reader, found, 'SELECT')
        ) THEN
            RETURN NEXT format(
                'role %1$I, which owns Runbell''s functions, may not read %2$I.%3$I: '
                'GRANT USAGE ON SCHEMA %2$I TO %1$I; GRANT SELECT ON %2$I.%3$I TO %1$I',
                reader, wanted.table_schema, wanted.table_name
            );
        END IF;
    END LOOP;
END
$$
