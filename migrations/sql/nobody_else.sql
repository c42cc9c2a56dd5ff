-- Closes every migration: nobody but the owner has a right in the schema, and roles get theirs with
-- `runbell migrate --grant-...`. Functions are callable by everyone unless this is said, and default privileges of the
-- migrating role may have given away more.
DO $$
BEGIN
    BEGIN
        REVOKE ALL ON SCHEMA runbell FROM PUBLIC;
    EXCEPTION WHEN insufficient_privilege THEN
        -- Somebody else's schema, in which this role may create: what is in it is closed below all the same.
        NULL;
    END;
    REVOKE ALL ON ALL TABLES IN SCHEMA runbell FROM PUBLIC;
    REVOKE ALL ON ALL SEQUENCES IN SCHEMA runbell FROM PUBLIC;
    REVOKE ALL ON ALL ROUTINES IN SCHEMA runbell FROM PUBLIC;
END
$$
