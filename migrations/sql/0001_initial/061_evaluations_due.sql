CREATE INDEX evaluations_due ON runbell.evaluations (due_at) WHERE state = 'retry'
