"""Alembic's entry for every service: `chassis.migrate` passes the connection and the schema."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table_schema=context.config.attributes["schema"],
    # What is done stays done when a later script fails.
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
