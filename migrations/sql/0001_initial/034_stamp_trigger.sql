CREATE TRIGGER stamp_run_event BEFORE INSERT ON runbell.run_events
FOR EACH ROW EXECUTE FUNCTION runbell.stamp_run_event()
