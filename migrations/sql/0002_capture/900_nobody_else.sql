-- Functions are callable by everyone unless this is said. Triggers fire without it, whoever writes.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA runbell FROM PUBLIC
