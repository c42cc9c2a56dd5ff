-- Makes the sensors of this module known. A new one starts at this moment: nothing after it is skipped. One that is
-- declared stopped has no place until it is started. A changed filter applies from this moment; before it, the former;
-- and whoever evaluates by the former loses the lease at this moment, or would pass events by.
-- The code that came last is in force: an older version of the module that reconnects changes nothing while a later one
-- lives.
-- The snapshot is of a statement whose transaction has written no event.
-- $1 sensor_names    text[]
-- $2 module          text
-- $3 declared_active boolean[]
-- $4 filters         text[]   JSON
-- $5 hashes          bigint[] of the filters
-- $6 code_location   text
-- $7 daemon_id       uuid
-- $8 arrival         bigint
SELECT runbell.deploy_sensors(
    $1::text[], $2::text, $3::boolean[], $4::text[], $5::bigint[], $6::text, $7::uuid, $8::bigint
)
