"""Runs the migrations on the database of the settings, or on a connection handed in."""

from alembic import context
from sqlalchemy import Connection

from service.core.config import settings
from service.db.engine import Database
from service.db.tables import Model


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Model.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


connection = context.config.attributes.get("connection")
if connection is not None:
    migrate(connection)
else:
    database = Database(settings().resolved_database_url)
    with database.engine.begin() as opened:
        migrate(opened)
