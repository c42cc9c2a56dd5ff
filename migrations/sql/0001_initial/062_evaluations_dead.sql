-- For who looks after dead letters; it costs a write only where one is made.
CREATE INDEX evaluations_dead ON runbell.evaluations (sensor_name, evaluation_id) WHERE state = 'dead'
