-- The doorbell: only its locks mean something. Partitioned, so it has no storage and autovacuum never locks it.
CREATE TABLE runbell.bell (nothing integer) PARTITION BY RANGE (nothing)
