"""The database role that the service and its workers connect as: it owns nothing.

Row-level security applies to it; it can only append to logs and cannot change the schema. The
owner of the tables creates or updates it after each migration.
"""

from psycopg import sql
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url

from service.db.engine import Database, normalised

APPEND_ONLY = ("access_log", "correction")
READ_ONLY = ("alembic_version", "log_retention")


class InvalidRole(ValueError):
    """The app database URL cannot be used; the message says why."""


def grant(database: Database, app_url: str) -> None:
    """Create or update the role in `app_url`, with its password, and grant what it needs.

    Raises
    ------
    InvalidRole
        The URL has no role or password, or names the owner or another database.
    """
    app, owner = make_url(normalised(app_url)), database.engine.url
    if owner.get_backend_name() != "postgresql":
        raise InvalidRole("SQLite has no roles; use file permissions instead.")
    _refuse(app, owner)
    with database.schema_transaction(lock_seconds=0) as connection:
        query = text("SELECT 1 FROM pg_roles WHERE rolname = :name")
        known = connection.scalar(query, {"name": app.username}) is not None
        cursor = connection.connection.cursor()
        for statement in _statements(app, known=known):
            cursor.execute(statement)


def _refuse(app: URL, owner: URL) -> None:
    if not (app.username and app.password):
        raise InvalidRole("The app database URL has no user or no password.")
    if app.username == owner.username:
        raise InvalidRole(
            f"{app.username} owns the tables; the service needs a role that owns nothing."
        )
    if app.database != owner.database:
        raise InvalidRole(
            f"The app database URL names {app.database}, but you migrated {owner.database}."
        )


def _statements(app: URL, *, known: bool) -> list[sql.Composed]:
    role = sql.Identifier(str(app.username))
    verb = sql.SQL("ALTER" if known else "CREATE")
    password = sql.Literal(str(app.password))
    append_only, read_only = (
        sql.SQL(", ").join(map(sql.Identifier, names)) for names in (APPEND_ONLY, READ_ONLY)
    )
    database = sql.Identifier(str(app.database))
    templates = (
        "{verb} ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS "
        "PASSWORD {password}",
        "GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {role}",
        "GRANT USAGE ON SCHEMA public TO {role}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
        "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
        "REVOKE UPDATE, DELETE ON {append_only} FROM {role}",
        "REVOKE INSERT, UPDATE, DELETE ON {read_only} FROM {role}",
    )
    return [
        sql.SQL(template).format(
            verb=verb,
            role=role,
            password=password,
            database=database,
            append_only=append_only,
            read_only=read_only,
        )
        for template in templates
    ]
