"""What Alembic runs: the migration of the connection it was handed (see `node.database`)."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("metadata"),
    render_as_batch=True,  # SQLite cannot alter most of a table in place
)
context.run_migrations()
