-- What was launched since the last look: how long launching takes is read from here.
CREATE INDEX run_requests_launched ON runbell.run_requests (launched_at) WHERE launched_at IS NOT NULL
