-- The revision that the schema has been migrated to.
SELECT v.version_num
FROM runbell.alembic_version AS v
