"""Signing in elsewhere by OpenID Connect: authorisation code flow with PKCE, state and nonce."""

from service.accounts.oidc.attempt import Attempt
from service.accounts.oidc.people import person_of
from service.accounts.oidc.provider import Provider

__all__ = ["Attempt", "Provider", "person_of"]
