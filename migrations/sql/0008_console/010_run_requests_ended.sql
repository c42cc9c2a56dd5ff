-- Requests that a launcher gave up or an operator took out: few among many, and looked for when something is wrong.
CREATE INDEX run_requests_ended ON runbell.run_requests (request_id) WHERE state IN ('failed', 'canceled')
