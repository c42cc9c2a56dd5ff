-- A session keeps its plans. One that was made just after the table had been analyzed with a few requests reads it from end
-- to end, at each call, until it is analyzed again: a minute later at the soonest, by when there may be a million.
ALTER FUNCTION runbell.claim_run_requests(text, integer, interval, text[]) SET enable_seqscan = off
