-- What a launcher may still take.
CREATE INDEX run_requests_open ON runbell.run_requests (request_id) WHERE state IN ('pending', 'claimed')
