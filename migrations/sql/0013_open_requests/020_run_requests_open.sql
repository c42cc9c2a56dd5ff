-- The open requests of each target have an index. To keep a second one over all of them took the server 1.3 of 34.6 us an
-- event that requests a run, and each claim and launch as well.
DROP INDEX runbell.run_requests_open
