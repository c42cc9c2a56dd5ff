-- Gives a role what a purpose needs, in this schema only. Repeatable; what a later migration adds is not covered until
-- it is called again. With the caller's rights: who may not grant, cannot.
CREATE FUNCTION runbell.grant_access(role_name text, purpose text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner oid := (
        SELECT p.proowner FROM pg_proc AS p WHERE p.oid = 'runbell.grant_access(text, text)'::regprocedure
    );
    wanted text;
BEGIN
    -- PUBLIC is no row of pg_roles; quoted as a name it would still mean everybody.
    IF role_name IS NULL OR NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = role_name) THEN
        RAISE EXCEPTION 'there is no role %', coalesce(quote_literal(role_name), 'null')
            USING ERRCODE = 'invalid_parameter_value';
    ELSIF NOT pg_has_role(owner, 'USAGE') THEN
        -- GRANT itself would only warn, and grant nothing.
        RAISE EXCEPTION 'role % may not grant rights in schema runbell: do it as its owner, %', current_user,
            pg_get_userbyid(owner)
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    FOR wanted IN SELECT runbell.list_rights(purpose) LOOP
        EXECUTE format('GRANT %s TO %I', wanted, role_name);
    END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
    -- Neither the database nor the schema is at fault: whoever gave the command should hear why.
    RAISE EXCEPTION '%', SQLERRM USING ERRCODE = 'invalid_parameter_value';
END
$$
