CREATE TRIGGER keep_one_row BEFORE INSERT OR UPDATE OF sensor_name ON runbell.sensors
FOR EACH ROW EXECUTE FUNCTION runbell.keep_one_row()
