-- The open requests of each target have an index; a second one over all of them cost each request a tenth of what it
-- takes the server to write it, and each claim and launch as well.
DROP INDEX runbell.run_requests_open
