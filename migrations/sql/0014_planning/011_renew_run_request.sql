ALTER FUNCTION runbell.renew_run_request(bigint, integer, interval) SET enable_seqscan = off
