-- Which of Dagster's events change a run's status, and to what. A resumed run says STARTED again without an event of
-- its own kind that Dagster's sensors would answer, so RUN_RESUMED is not among them.
CREATE FUNCTION runbell.dagster_event_types() RETURNS TABLE (event_type text, status text)
LANGUAGE sql
IMMUTABLE
AS $$
VALUES
    ('PIPELINE_ENQUEUED', 'QUEUED'),
    ('PIPELINE_STARTING', 'STARTING'),
    ('PIPELINE_START', 'STARTED'),
    ('PIPELINE_SUCCESS', 'SUCCESS'),
    ('PIPELINE_FAILURE', 'FAILURE'),
    ('PIPELINE_CANCELING', 'CANCELING'),
    ('PIPELINE_CANCELED', 'CANCELED'),
    ('RUN_SUSPENDED', 'SUSPENDED')
$$
