ALTER FUNCTION runbell.fail_run_request(bigint, integer, text, interval) SET enable_seqscan = off
