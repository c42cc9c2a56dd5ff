"""Reads what a database consists of, to compare it before and after, or with another."""

import asyncpg

CATALOG = """
SELECT 'table ' || n.nspname || '.' || c.relname || ' ' || c.relkind::text || ' ' || coalesce(c.reloptions::text, '')
       || ' ' || coalesce(c.relacl::text, '')
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
UNION ALL
SELECT 'column ' || n.nspname || '.' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
       || ' ' || a.attnotnull::text || ' ' || a.attidentity::text
       || ' ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
FROM pg_attribute AS a
JOIN pg_class AS c ON c.oid = a.attrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'index ' || n.nspname || '.' || c.relname || ' ' || pg_get_indexdef(i.indexrelid)
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
UNION ALL
SELECT 'constraint ' || n.nspname || '.' || k.conname || ' ' || pg_get_constraintdef(k.oid)
FROM pg_constraint AS k JOIN pg_namespace AS n ON n.oid = k.connamespace
UNION ALL
SELECT 'function ' || n.nspname || '.' || p.proname || ' ' || pg_get_functiondef(p.oid) || coalesce(p.proacl::text, '')
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE p.prokind IN ('f', 'p')
UNION ALL
SELECT 'trigger ' || n.nspname || '.' || c.relname || ' ' || pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
"""

POSTGRES_OWN = ("pg_catalog.", "pg_toast.", "information_schema.")


async def read_catalog(url: str) -> list[str]:
    """One line for each object that is not PostgreSQL's own, with all that it is declared to be, sorted."""
    session = await asyncpg.connect(url)
    try:
        lines = [str(row[0]).rstrip() for row in await session.fetch(CATALOG)]
    finally:
        await session.close()
    return sorted(line for line in lines if not line.split(" ", 1)[1].startswith(POSTGRES_OWN))
