"""`keys create`, `keys list`, `keys revoke`."""

from typing import Annotated

import typer

from labelaudit.enums import Role
from service.cli import show
from service.cli.options import (
    AsJson,
    DataDir,
    Url,
    connect,
)
from service.core.config import Settings

app = typer.Typer(help="API keys: who may do what.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is; shown beside their corrections.")],
    role: Annotated[
        Role, typer.Option(help="annotator reviews, uploader also uploads and audits.")
    ] = Role.annotator,
    direct: Annotated[
        bool,
        typer.Option(
            "--direct", help="Write to the database itself: for the first key of a new service."
        ),
    ] = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Make a key and print its token, which is shown only now."""
    if direct:
        typer.echo(_create_directly(name, role))
        return
    with connect(data_dir, url) as client:
        typer.echo(client.create_key(name, role).token)


def _create_directly(name: str, role: Role) -> str:
    from service.accounts.api_keys import create_key
    from service.db.engine import Database

    database = Database(Settings().resolved_database_url)
    try:
        with database.write() as session:
            return create_key(session, name=name, role=role)[1]
    finally:
        database.dispose()


@app.command("list")
def list_keys(as_json: AsJson = False, url: Url = None, data_dir: DataDir = None) -> None:
    """List the keys, without their secrets."""
    with connect(data_dir, url) as client:
        found = client.keys()
    if as_json:
        show.all_as_json(found)
    else:
        show.keys(found)


@app.command()
def rotate(
    key_id: Annotated[str, typer.Argument(help="The key's id.")],
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Give a key a new token and print it; the old one is refused at once."""
    with connect(data_dir, url) as client:
        typer.echo(client.rotate_key(key_id).token)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id.")],
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Revoke a key; it is refused from the next request on."""
    with connect(data_dir, url) as client:
        show.keys([client.revoke_key(key_id)])


def log(
    limit: Annotated[int, typer.Option(min=1, help="How many lines.")] = 50,
    as_json: AsJson = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """The access log, newest first: who did what, when, from where."""
    with connect(data_dir, url) as client:
        entries = list(client.access_log(limit=limit))
    if as_json:
        show.as_json([entry.model_dump(mode="json") for entry in entries])
        return
    for entry in entries:
        who, where = entry.name or "-", entry.address or "-"
        words = (f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.action, entry.outcome, who, where)
        typer.echo("  ".join((*words, entry.subject or "")))
