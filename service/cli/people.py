"""`members`, `sessions`, `tenants`: who sees a dataset, who is signed in, which organisations."""

from typing import Annotated

import typer

from labelaudit.schemas import MembersRead
from service.cli import show
from service.cli.options import (
    AsJson,
    DataDir,
    DatasetId,
    Url,
    connect,
)

members = typer.Typer(help="Who may see a dataset.", no_args_is_help=True)
sessions = typer.Typer(help="Browsers that are signed in.", no_args_is_help=True)
tenants = typer.Typer(help="Organisations; needs an operator's key.", no_args_is_help=True)

KeyId = Annotated[str, typer.Argument(help="The id of somebody's key; `keys list` shows them.")]


@members.command("list")
def list_members(
    dataset_id: DatasetId, as_json: AsJson = False, url: Url = None, data_dir: DataDir = None
) -> None:
    """Who sees the dataset beside those whose role sees all of them."""
    with connect(data_dir, url) as client:
        found = client.members(dataset_id)
    if as_json:
        show.as_json(found.model_dump(mode="json"))
    else:
        _show(found)


@members.command()
def share(
    dataset_id: DatasetId,
    stop: Annotated[bool, typer.Option("--stop", help="With its members alone again.")] = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Share the dataset with everybody of the organisation."""
    with connect(data_dir, url) as client:
        _show(client.share(dataset_id, shared=not stop))


@members.command()
def add(dataset_id: DatasetId, key_id: KeyId, url: Url = None, data_dir: DataDir = None) -> None:
    """Let somebody see the dataset, and review it as far as their role goes."""
    with connect(data_dir, url) as client:
        client.add_member(dataset_id, key_id)
        _show(client.members(dataset_id))


@members.command()
def remove(dataset_id: DatasetId, key_id: KeyId, url: Url = None, data_dir: DataDir = None) -> None:
    """Take the dataset out of somebody's sight; what they decided stays."""
    with connect(data_dir, url) as client:
        client.remove_member(dataset_id, key_id)
        _show(client.members(dataset_id))


def _show(found: MembersRead) -> None:
    if found.shared:
        show.err.print("Everybody of the organisation sees it.")
    show.rows(
        ("key", "name", "role", "added by"),
        ((one.key_id, one.name, one.role, one.added_by) for one in found.members),
    )


@sessions.command("list")
def list_sessions(as_json: AsJson = False, url: Url = None, data_dir: DataDir = None) -> None:
    """One's own; an admin's list has those of the whole organisation."""
    with connect(data_dir, url) as client:
        found = client.sessions()
    if as_json:
        show.all_as_json(found)
        return
    show.rows(
        ("id", "key", "address", "last used", "browser"),
        (
            (
                one.id,
                one.key_id,
                one.address or "",
                f"{one.last_used_at:%Y-%m-%d %H:%M}",
                one.browser or "",
            )
            for one in found
        ),
    )


@sessions.command()
def end(
    session_id: Annotated[str, typer.Argument(help="The session's id.")],
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Sign a browser out."""
    with connect(data_dir, url) as client:
        client.end_session(session_id)


@tenants.command()
def create(
    name: Annotated[str, typer.Argument(help="The organisation's name.")],
    admin: Annotated[str, typer.Option(help="Its first admin's name.")] = "admin",
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Make an organisation and print its first admin's token, which is shown only now."""
    with connect(data_dir, url) as client:
        typer.echo(client.create_tenant(name, admin=admin).token)


@tenants.command("list")
def list_tenants(as_json: AsJson = False, url: Url = None, data_dir: DataDir = None) -> None:
    """Every organisation, oldest first."""
    with connect(data_dir, url) as client:
        found = client.tenants()
    if as_json:
        show.all_as_json(found)
        return
    show.rows(
        ("id", "name", "created"),
        ((one.id, one.name, f"{one.created_at:%Y-%m-%d %H:%M}") for one in found),
    )
