"""`members`, `sessions`, `tenants`, `log`: who has access, and who did what."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from labelaudit import Client
from labelaudit.schemas import AccessEntryRead
from service.cli import show
from service.cli.options import (
    AsJson,
    DataDir,
    DatasetId,
    Url,
    connect,
)

DEFAULT_LINES = 50

members = typer.Typer(help="Manage who may see a dataset.", no_args_is_help=True)
sessions = typer.Typer(help="Manage signed-in browsers.", no_args_is_help=True)
tenants = typer.Typer(help="Manage organisations. Needs an operator's key.", no_args_is_help=True)

KeyId = Annotated[str, typer.Argument(help="A key id from `labelaudit keys list`.")]


@members.command("list")
def list_members(
    dataset_id: DatasetId, as_json: AsJson = False, url: Url = None, data_dir: DataDir = None
) -> None:
    """List a dataset's members. Roles that see every dataset are not listed."""
    with connect(data_dir, url) as client:
        if as_json:
            show.all_as_json(client.members(dataset_id))
        else:
            _show(client, dataset_id)


@members.command()
def share(
    dataset_id: DatasetId,
    stop: Annotated[
        bool, typer.Option("--stop", help="Stop sharing; only members keep access.")
    ] = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Share a dataset with the whole organisation."""
    with connect(data_dir, url) as client:
        client.share(dataset_id, shared=not stop)
        _show(client, dataset_id)


@members.command()
def add(dataset_id: DatasetId, key_id: KeyId, url: Url = None, data_dir: DataDir = None) -> None:
    """Add a member, who may then review the dataset as far as their role allows."""
    with connect(data_dir, url) as client:
        client.add_member(dataset_id, key_id)
        _show(client, dataset_id)


@members.command()
def remove(dataset_id: DatasetId, key_id: KeyId, url: Url = None, data_dir: DataDir = None) -> None:
    """Revoke a member's access. Their decisions are kept."""
    with connect(data_dir, url) as client:
        client.remove_member(dataset_id, key_id)
        _show(client, dataset_id)


def _show(client: Client, dataset_id: str) -> None:
    if client.dataset(dataset_id).shared:
        show.err.print("Shared with the whole organisation.")
    show.table(
        client.members(dataset_id),
        {
            "key": lambda member: member.id,
            "name": lambda member: member.name,
            "role": lambda member: member.role,
            "added by": lambda member: member.added_by.name,
        },
    )


@sessions.command("list")
def list_sessions(as_json: AsJson = False, url: Url = None, data_dir: DataDir = None) -> None:
    """List your signed-in browsers (as an admin: everyone's)."""
    with connect(data_dir, url) as client:
        found = client.sessions()
    show.listing(
        found,
        as_json,
        {
            "id": lambda session: session.id,
            "who": lambda session: session.owner.name,
            "address": lambda session: session.address,
            "last used": lambda session: f"{session.last_used_at:%Y-%m-%d %H:%M}",
            "browser": lambda session: session.browser,
        },
    )


@sessions.command()
def end(
    session_id: Annotated[str, typer.Argument(help="The session id.")],
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Sign out a browser."""
    with connect(data_dir, url) as client:
        client.end_session(session_id)


@tenants.command()
def create(
    name: Annotated[str, typer.Argument(help="The name of the organisation.")],
    admin: Annotated[str, typer.Option(help="The name of its first admin.")] = "admin",
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Create an organisation and print its first admin's token, which is shown only once."""
    with connect(data_dir, url) as client:
        typer.echo(client.create_tenant(name, admin=admin).token)


@tenants.command("list")
def list_tenants(as_json: AsJson = False, url: Url = None, data_dir: DataDir = None) -> None:
    """List the organisations, oldest first."""
    with connect(data_dir, url) as client:
        found = client.tenants()
    show.listing(
        found,
        as_json,
        {
            "id": lambda tenant: tenant.id,
            "name": lambda tenant: tenant.name,
            "status": lambda tenant: tenant.status,
            "created": lambda tenant: f"{tenant.created_at:%Y-%m-%d %H:%M}",
        },
    )


TenantId = Annotated[str, typer.Argument(help="An id from `labelaudit tenants list`.")]


@tenants.command()
def suspend(tenant_id: TenantId, url: Url = None, data_dir: DataDir = None) -> None:
    """Refuse an organisation's keys and sessions, and let its jobs wait. Nothing is deleted."""
    with connect(data_dir, url) as client:
        client.suspend_tenant(tenant_id)


@tenants.command()
def resume(tenant_id: TenantId, url: Url = None, data_dir: DataDir = None) -> None:
    """End an organisation's suspension."""
    with connect(data_dir, url) as client:
        client.resume_tenant(tenant_id)


@tenants.command("delete")
def delete_tenant(
    tenant_id: TenantId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Delete a suspended organisation with its datasets and keys. This cannot be undone."""
    if not yes:
        typer.confirm(f"Delete {tenant_id} with everything in it?", abort=True)
    with connect(data_dir, url) as client:
        client.delete_tenant(tenant_id)


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
            help="List entries of no organisation, such as failed sign-ins. For operators.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line, as they come.")
    ] = False,
    url: Url = None,
    data_dir: DataDir = None,
) -> None:
    """Show the access log, newest first."""
    moment = since.replace(tzinfo=UTC) if since else None
    with connect(data_dir, url) as client:
        count = limit or (None if since else DEFAULT_LINES)
        for entry in client.access_log(since=moment, service=service, limit=count):
            typer.echo(entry.model_dump_json() if as_json else _line(entry))


def _line(entry: AccessEntryRead) -> str:
    who, where = entry.by.name if entry.by else "-", entry.address or "-"
    words = (f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.action, entry.outcome, who, where)
    return "  ".join((*words, entry.subject or ""))
