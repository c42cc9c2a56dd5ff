"""Tells Alembic how to reach the schema: on the connection that it was given, or, printing a script, on none.

The version table stands in schema `runbell`: an orchestrator that lives in the same database has its own in `public`.
"""

from alembic import context

from runbell.ops.schema import run_statement

context.configure(
    connection=context.config.attributes.get("connection"),
    dialect_name="postgresql",
    version_table_schema="runbell",
    transaction_per_migration=True,
)
run_statement(context.get_context(), "schema.sql")
with context.begin_transaction():
    context.run_migrations()
