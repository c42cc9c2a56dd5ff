INSERT INTO runbell.cluster (system_identifier)
SELECT c.system_identifier FROM pg_control_system() AS c
