-- A sensor has one row, though its name alone is no key (sensors_pkey): whoever would give it a second one is led to the
-- first, whose key is then taken. He has the row from then on, so that its generation stays; who adds a sensor waits for
-- others who do, and looks again.
CREATE FUNCTION runbell.keep_one_row() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_in bigint;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'sensors are added in read committed: in another level a sensor could get two rows'
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT s.generation INTO found_in FROM runbell.sensors AS s WHERE s.sensor_name = NEW.sensor_name
    FOR NO KEY UPDATE OF s;
    IF NOT FOUND THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('runbell.sensors', 0));
        SELECT s.generation INTO found_in FROM runbell.sensors AS s WHERE s.sensor_name = NEW.sensor_name
        FOR NO KEY UPDATE OF s;
    END IF;
    NEW.generation := coalesce(found_in, 0);
    RETURN NEW;
END
$$
