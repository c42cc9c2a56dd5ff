-- What a launcher may still take of its own targets, without those that wait for others.
CREATE INDEX run_requests_by_target ON runbell.run_requests (target, request_id) WHERE state IN ('pending', 'claimed')
