-- From here to the end of the transaction nobody else deploys: that a sensor has one row is not for an index to see to.
SELECT pg_advisory_xact_lock(hashtextextended('runbell.sensors', 0))
