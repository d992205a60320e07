"""The database role that the service and its workers use: it owns nothing.

Row-level security binds it, logs can only be added to, and the schema is not its to change. The
owner of the tables makes it, each time after migrating.
"""

from psycopg import sql
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url

from service.db.engine import Database, normalised

ADDED_TO = ("access_log", "correction")  # never changed, never removed
READ = ("alembic_version",)


class NoSuchRole(ValueError):
    """The address of the service's own role cannot be used; the message says why."""


def grant(database: Database, app_url: str) -> None:
    """Make the role that `app_url` names, if need be, with that password, and let it do its work.

    Raises
    ------
    NoSuchRole
        The address names no role and password, or names the owner, or another database.
    """
    app, owner = make_url(normalised(app_url)), database.engine.url
    if owner.get_backend_name() != "postgresql":
        raise NoSuchRole("Only PostgreSQL has roles; SQLite's files have an owner instead.")
    _refuse(app, owner)
    with database.exclusively(lock_seconds=0) as connection:
        query = text("SELECT 1 FROM pg_roles WHERE rolname = :name")
        known = connection.scalar(query, {"name": app.username}) is not None
        cursor = connection.connection.cursor()
        for statement in _statements(app, known=known):
            cursor.execute(statement)


def _refuse(app: URL, owner: URL) -> None:
    if not (app.username and app.password):
        raise NoSuchRole("The service's own database address names no role or no password.")
    if app.username == owner.username:
        raise NoSuchRole(f"{app.username} owns the tables; the service needs a role that does not.")
    if app.database != owner.database:
        raise NoSuchRole(f"The service is to use {app.database}, migrated was {owner.database}.")


def _statements(app: URL, *, known: bool) -> list[sql.Composed]:
    role = sql.Identifier(str(app.username))
    act = sql.SQL("ALTER" if known else "CREATE")
    password = sql.Literal(str(app.password))
    added_to, read = (sql.SQL(", ").join(map(sql.Identifier, names)) for names in (ADDED_TO, READ))
    database = sql.Identifier(str(app.database))
    wanted = (
        "{act} ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS "
        "PASSWORD {password}",
        "GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {role}",
        "GRANT USAGE ON SCHEMA public TO {role}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
        "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
        "REVOKE UPDATE, DELETE ON {added_to} FROM {role}",
        "REVOKE INSERT, UPDATE, DELETE ON {read} FROM {role}",
    )
    return [
        sql.SQL(one).format(
            act=act, role=role, password=password, database=database, added_to=added_to, read=read
        )
        for one in wanted
    ]
