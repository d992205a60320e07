"""Signing in elsewhere by OpenID Connect: authorisation code flow with PKCE, state and nonce."""

from service.access.oidc.attempt import Attempt
from service.access.oidc.people import person_of
from service.access.oidc.provider import Provider

__all__ = ["Attempt", "Provider", "person_of"]
