-- Only if it is missing: a role that was given its schema may lack the right to create one.
DO $$
BEGIN
    IF to_regnamespace('runbell') IS NULL THEN
        CREATE SCHEMA runbell;
    END IF;
END
$$
