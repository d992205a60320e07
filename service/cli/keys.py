"""`keys`: create, list, rotate and revoke API keys."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

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
    "dataset": lambda key: key.dataset_id or "",
    "created": lambda key: f"{key.created_at:%Y-%m-%d %H:%M}",
    "expires": lambda key: f"{key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else "never",
    "state": lambda key: _state(key),
}

Days = Annotated[
    float | None,
    typer.Option(min=0, help="Days until it expires; 0: never.", show_default=False),
]


def _state(key: KeyRead) -> str:
    if key.revoked_at:
        return "revoked"
    return "expired" if key.expires_at and key.expires_at < datetime.now(UTC) else "valid"


def _expiry(days: float | None) -> datetime | Literal["never"] | None:
    if days is None:
        return None
    return datetime.now(UTC) + timedelta(days=days) if days else "never"


@app.command()
def create(
    name: Annotated[
        str, typer.Argument(help="The name of the person; shown with their corrections.")
    ],
    role: Annotated[
        Role,
        typer.Option(help="annotator: review. uploader: also upload and audit. viewer: read only."),
    ] = Role.annotator,
    dataset: Annotated[
        str | None, typer.Option(help="The only dataset that the key can access.")
    ] = None,
    days: Days = None,
    direct: Annotated[
        bool,
        typer.Option(
            "--direct", help="Write to the database directly, for the first key of a new service."
        ),
    ] = False,
    tenant: Annotated[
        str, typer.Option(help="With --direct: the id of the organisation.")
    ] = "default",
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Create a key and print its token, which is shown only once.

    Without --days, the key expires as the service is set up, usually after a year.
    """
    if direct:
        typer.echo(_create_directly(name, role, dataset, days, tenant))
        return
    with connect(data_dir, url) as client:
        created = client.create_key(name, role, dataset_id=dataset, expires_at=_expiry(days))
    typer.echo(created.token)


def _create_directly(
    name: str, role: Role, dataset_id: str | None, days: float | None, tenant_id: str
) -> str:
    from service.accounts.api_keys import create_key, default_expiry
    from service.backends import open_backends

    settings = Settings()
    if days is not None:
        settings = settings.model_copy(update={"key_days": days})
    backends = open_backends(settings)
    try:
        with backends.database.write() as session:
            _, token = create_key(
                session,
                name=name,
                role=role,
                tenant_id=tenant_id,
                dataset_id=dataset_id,
                expires_at=default_expiry(settings),
            )
            return token
    finally:
        backends.close()


@app.command("list")
def list_keys(as_json: AsJson = False, url: Url = None, data_dir: DataDir = None) -> None:
    """List the keys, without their tokens."""
    with connect(data_dir, url) as client:
        found = client.keys()
    show.listing(found, as_json, COLUMNS)


@app.command()
def rotate(
    key_id: Annotated[str, typer.Argument(help="The key id.")],
    days: Days = None,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Replace a key's token and print the new one. The old one is invalid immediately.

    Without --days, the key expires when it did before.
    """
    with connect(data_dir, url) as client:
        typer.echo(client.rotate_key(key_id, expires_at=_expiry(days)).token)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key's id.")],
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Revoke a key. Its next request is refused."""
    with connect(data_dir, url) as client:
        client.revoke_key(key_id)
        show.table([client.key(key_id)], COLUMNS)
