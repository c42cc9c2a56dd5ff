-- Numbers replays that make new requests: each makes those of an event once, as if the event had happened once more.
CREATE SEQUENCE runbell.replays AS bigint
