-- Functions are callable by everyone unless this is said; roles get theirs with `runbell migrate --grant-...`.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA runbell FROM PUBLIC
