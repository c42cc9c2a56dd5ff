-- The number of a new replay.
SELECT nextval('runbell.replays') AS replay
