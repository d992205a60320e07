"""`keys`: create, list, rotate and revoke API keys."""

from collections.abc import Callable
from typing import Annotated

import typer

from labelaudit.enums import Role
from labelaudit.schemas import KeyRead
from service.cli import show
from service.cli.options import (
    AsJson,
    DataDir,
    Url,
    connect,
)
from service.core.config import Settings

app = typer.Typer(help="Manage API keys.", no_args_is_help=True)

COLUMNS: dict[str, Callable[[KeyRead], object]] = {
    "id": lambda key: key.id,
    "name": lambda key: key.name,
    "role": lambda key: key.role,
    "created": lambda key: f"{key.created_at:%Y-%m-%d %H:%M}",
    "state": lambda key: "revoked" if key.revoked_at else "valid",
}


@app.command()
def create(
    name: Annotated[
        str, typer.Argument(help="The name of the person; shown with their corrections.")
    ],
    role: Annotated[
        Role,
        typer.Option(help="annotator: review. uploader: also upload and audit. viewer: read only."),
    ] = Role.annotator,
    direct: Annotated[
        bool,
        typer.Option(
            "--direct", help="Write to the database directly, for the first key of a new service."
        ),
    ] = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Create a key and print its token, which is shown only once."""
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
    """List the keys, without their tokens."""
    with connect(data_dir, url) as client:
        found = client.keys()
    show.listing(found, as_json, COLUMNS)


@app.command()
def rotate(
    key_id: Annotated[str, typer.Argument(help="The key id.")],
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Replace a key's token and print the new one. The old one is invalid immediately."""
    with connect(data_dir, url) as client:
        typer.echo(client.rotate_key(key_id).token)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id.")],
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Revoke a key. Its next request is refused."""
    with connect(data_dir, url) as client:
        show.table([client.revoke_key(key_id)], COLUMNS)
