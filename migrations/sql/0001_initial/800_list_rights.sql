-- What a purpose needs of this schema as it is now, each as the part of a GRANT between GRANT and TO:
-- service: `runbell serve` and the operator's commands. Not attach, detach and migrate, which belong to the owner:
--     what stands in `sources` is read by functions in the owner's name, so whoever writes there reads what the owner may.
-- recorder: an orchestrator that records by itself. launcher: takes requests and reports. reader: looks.
-- Functions that return triggers are for nobody: on a table of one's own they would run in the owner's name.
CREATE FUNCTION runbell.list_rights(purpose text) RETURNS SETOF text
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF purpose IS NULL OR purpose NOT IN ('service', 'recorder', 'launcher', 'reader') THEN
        RAISE EXCEPTION 'purpose is %, but it must be service, recorder, launcher or reader',
            coalesce(quote_literal(purpose), 'null')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN NEXT 'USAGE ON SCHEMA runbell';
    RETURN QUERY
    SELECT format(
        '%s ON TABLE %s',
        CASE
            WHEN purpose <> 'service' OR c.relname IN ('sources', 'alembic_version') THEN 'SELECT'
            ELSE 'SELECT, INSERT, UPDATE, DELETE'
        END,
        c.oid::regclass
    )
    FROM pg_class AS c
    WHERE c.relnamespace = 'runbell'::regnamespace
        AND c.relkind IN ('r', 'p', 'v', 'm')
        AND CASE purpose
            WHEN 'recorder' THEN false
            -- The revision: `runbell launch` asks whether the schema is as new as itself.
            WHEN 'launcher' THEN c.relname IN ('run_requests', 'alembic_version')
            ELSE true
        END;
    RETURN QUERY
    SELECT format('EXECUTE ON FUNCTION %s', p.oid::regprocedure)
    FROM pg_proc AS p
    WHERE p.pronamespace = 'runbell'::regnamespace
        AND p.prokind = 'f'
        AND p.prorettype <> 'trigger'::regtype
        AND CASE purpose
            WHEN 'service' THEN true
            WHEN 'recorder' THEN p.proname IN ('record_run_status', 'record_step_failure')
            WHEN 'launcher' THEN p.proname IN (
                'claim_run_requests', 'renew_run_request', 'complete_run_request', 'fail_run_request'
            )
            ELSE p.proname IN ('daemon_lives')
        END;
    IF purpose = 'service' THEN
        RETURN NEXT 'USAGE ON ALL SEQUENCES IN SCHEMA runbell';
    END IF;
END
$$
