-- What is wrong with an attached source, one sentence a row.
-- $1 source text
SELECT f AS fault FROM runbell.check_attached($1::text) AS f
