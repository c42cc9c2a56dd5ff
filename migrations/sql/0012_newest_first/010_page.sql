-- The page in which the last settlement found the sensor's row. A settlement that finds it in another one counts that in
-- the generation, which so grows with each page: the newest version is the first one from the end of the index, before
-- all those that an open transaction keeps (142 ms in the slow timer for 900,000 of them, and a ring waited for it).
ALTER TABLE runbell.sensors ADD COLUMN page bigint NOT NULL DEFAULT 0
