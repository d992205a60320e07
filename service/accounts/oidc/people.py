"""Maps a provider's claims to a person here: organisation, role, name.

The role and the organisation are updated at every sign-in. People to whom the settings give no role
or no organisation cannot sign in.
"""

import secrets
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from labelaudit.enums import Role
from service.accounts import access_log
from service.accounts.principals import is_valid, principal_of, refuse_suspended
from service.core.config import Settings
from service.core.errors import NotPermitted
from service.core.principal import OPERATORS, ROLE_SCOPES, Principal
from service.db.engine import advisory_lock
from service.db.tables import ApiKey, Tenant


def sign_in_person(session: Session, claims: dict[str, Any], settings: Settings) -> Principal:
    """The person who signed in, created on their first visit. Raises NotPermitted."""
    email, role = _email(claims, settings), _role(claims, settings)
    tenant_id = OPERATORS if role is Role.operator else _tenant(session, claims, settings)
    issuer, subject = settings.oidc_issuer, str(claims["sub"])[:400]
    advisory_lock(session, f"person:{issuer}:{subject}")
    person = session.scalars(
        select(ApiKey).where(ApiKey.issuer == issuer, ApiKey.subject == subject)
    ).first()
    if person is None:
        person = ApiKey(
            id=secrets.token_hex(4),
            tenant_id=tenant_id,
            role=role,
            issuer=issuer,
            subject=subject,
        )
        session.add(person)
        access_log.record(session, "person.create", person.id, tenant_id=tenant_id, role=role)
    elif not is_valid(person):
        raise NotPermitted("An admin has disabled your account. Contact an admin.")
    elif person.tenant_id != tenant_id:
        raise NotPermitted(
            "Your account belongs to another organisation than the one you signed in with. Contact "
            "an operator."
        )
    elif person.role is not role:
        access_log.record(
            session, "person.role", person.id, tenant_id=tenant_id, was=person.role, role=role
        )
    person.role, person.email = role, email
    person.name = str(claims.get("name") or email or subject)[:200]
    session.flush()
    return principal_of(person)


def _email(claims: dict[str, Any], settings: Settings) -> str | None:
    email = str(claims.get("email") or "")
    if settings.oidc_email_domains:
        domain = email.rpartition("@")[2].lower()
        allowed = {one.lower() for one in settings.oidc_email_domains}
        if claims.get("email_verified") is not True or domain not in allowed:
            raise NotPermitted("Only verified email addresses of allowed domains can sign in.")
    return email[:320] or None


def _role(claims: dict[str, Any], settings: Settings) -> Role:
    """The most powerful role that the person's groups give."""
    groups = _values(claims, settings.oidc_role_claim)
    given = [settings.oidc_roles[group] for group in groups if group in settings.oidc_roles]
    if settings.oidc_default_role is not None:
        given.append(settings.oidc_default_role)
    if not given:
        raise NotPermitted("None of your groups gives you a role here. Contact an admin.")
    return max(given, key=lambda role: len(ROLE_SCOPES[role]))


def _tenant(session: Session, claims: dict[str, Any], settings: Settings) -> str:
    if not settings.oidc_tenant_claim:
        found = {settings.oidc_default_tenant}
    else:
        values = _values(claims, settings.oidc_tenant_claim)
        found = {settings.oidc_tenants[one] for one in values if one in settings.oidc_tenants}
    if len(found) > 1:
        raise NotPermitted("You belong to several organisations here. Contact an operator.")
    tenant_id = next(iter(found), None)
    tenant = session.get(Tenant, tenant_id) if tenant_id is not None else None
    if tenant is None:
        raise NotPermitted("You belong to no organisation here. Contact an operator.")
    refuse_suspended(tenant.suspended_at)
    return tenant.id


def _values(claims: dict[str, Any], name: str) -> list[str]:
    """A claim that is a string or a list of strings."""
    value = claims.get(name)
    found = value if isinstance(value, list) else [value]
    return [one for one in found if isinstance(one, str)]
