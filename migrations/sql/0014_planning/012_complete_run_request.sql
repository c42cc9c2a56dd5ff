ALTER FUNCTION runbell.complete_run_request(bigint, integer, text) SET enable_seqscan = off
