"""Alembic's entry: runs the migrations on the connection `migrate` hands over. Alembic runs this file itself."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
