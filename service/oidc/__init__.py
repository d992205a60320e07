"""Signing in elsewhere by OpenID Connect: authorisation code flow with PKCE, state and nonce."""

from service.oidc.attempt import Attempt
from service.oidc.people import person_of
from service.oidc.provider import Provider

__all__ = ["Attempt", "Provider", "person_of"]
