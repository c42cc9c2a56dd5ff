-- Gives a role the rights of a purpose: service, recorder, launcher or reader.
-- $1 role_name text
-- $2 purpose text
SELECT runbell.grant_access($1::text, $2::text)
