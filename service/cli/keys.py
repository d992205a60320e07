"""`keys create`, `keys list`, `keys revoke`."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from labelaudit.enums import Role
from labelaudit.schemas import AccessEntryRead
from service.cli import show
from service.cli.options import (
    AsJson,
    DataDir,
    Url,
    connect,
)
from service.core.config import Settings

DEFAULT_LINES = 50

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
    from service.backends import open_backends

    backends = open_backends(Settings())
    try:
        with backends.database.write() as session:
            return create_key(session, name=name, role=role)[1]
    finally:
        backends.close()


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


def access_log(
    since: Annotated[
        datetime | None, typer.Option(help="Only lines from then on, in UTC.", show_default="all")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="How many lines.", show_default="50, all with --since"),
    ] = None,
    service: Annotated[
        bool,
        typer.Option(
            "--service",
            help="What belongs to no organisation, as failed sign-ins do; for operators.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line, as they come.")
    ] = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """The access log, newest first: who did what, when, from where."""
    moment = since.replace(tzinfo=UTC) if since else None
    with connect(data_dir, url) as client:
        count = limit or (None if since else DEFAULT_LINES)
        for entry in client.access_log(since=moment, service=service, limit=count):
            typer.echo(entry.model_dump_json() if as_json else _line(entry))


def _line(entry: AccessEntryRead) -> str:
    who, where = entry.name or "-", entry.address or "-"
    words = (f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.action, entry.outcome, who, where)
    return "  ".join((*words, entry.subject or ""))
