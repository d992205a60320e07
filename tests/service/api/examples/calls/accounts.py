"""Keys, sessions, organisations, the access log, and what probes ask."""

from urllib.parse import parse_qs, urlsplit

import httpx

from tests.service.api.examples.call import Call
from tests.service.api.examples.walk import Walk

BACK = {"code": "SplxlOBeZQQYbYS6WxSbIA", "state": "af0ifjsldkj"}  # as OpenID Connect shows them


def approve(walk: Walk) -> None:
    """Go to the provider, as the browser would, and come back with a code."""
    answer = httpx.get(walk.known["address"].replace("/authorize", "/approve"))
    back = parse_qs(urlsplit(answer.headers["location"]).query)
    for name, fake in BACK.items():
        walk.known[name] = back[name][0]
        walk.fakes.replace(back[name][0], fake)


def forget_key(walk: Walk) -> None:
    """From now on the browser calls with its cookie alone."""
    del walk.clients["browser"].headers["Authorization"]


def refuse(walk: Walk) -> None:
    """Somebody with no valid key is refused, which the log has after a while."""
    refused = walk.clients["visitor"].get("/v1/me", headers={"Authorization": "Bearer la_no_key"})
    assert refused.status_code == 401
    walk.app.state.resources.refusals.flush(all_of_them=True)


CALLS = (
    Call("GET /v1/me"),
    Call(
        "POST /v1/keys",
        json={"name": "nightly export", "role": "uploader", "expires_at": "2030-01-31T12:00:00Z"},
        saves={"key_id": "id"},
    ),
    Call("GET /v1/keys", query={"limit": 2}),
    Call("GET /v1/keys/{key_id}"),
    Call("POST /v1/keys/{key_id}/rotate", json={"expires_at": "2031-01-31T12:00:00Z"}),
    Call("GET /v1/sign-in", by="visitor"),
    Call("POST /v1/sign-in/oidc", by="visitor", saves={"address": "address"}),
    approve,
    Call(
        "POST /v1/sign-in/oidc/code",
        by="visitor",
        json={"code": "{code}", "state": "{state}"},
    ),
    Call("POST /v1/sessions", by="browser", saves={"session_id": "id"}),
    forget_key,
    Call("GET /v1/sessions", by="browser"),
    Call(
        "POST /v1/tenants",
        by="Olga",
        json={"name": "North Vets", "admin": "Nora"},
        saves={"tenant_id": "id"},
    ),
    Call("GET /v1/tenants", by="Olga", query={"limit": 2}),
    Call("GET /v1/tenants/{tenant_id}", by="Olga"),
    Call("PATCH /v1/tenants/{tenant_id}", by="Olga", json={"status": "suspended"}),
    Call(
        "POST /v1/webhooks",
        json={
            "url": "https://hooks.example.com/labelaudit",
            "events": ["audit.completed", "audit.failed"],
            "description": "the training pipeline",
        },
        saves={"webhook_id": "id"},
    ),
    Call("GET /v1/webhooks", query={"limit": 2}),
    Call("GET /v1/webhooks/{webhook_id}"),
    Call("PATCH /v1/webhooks/{webhook_id}", json={"events": ["audit.completed", "queue.emptied"]}),
    Call("POST /v1/webhooks/{webhook_id}/rotate"),
    Call("POST /v1/webhooks/{webhook_id}/deliveries", saves={"delivery_id": "id"}),
    Call("GET /v1/webhooks/{webhook_id}/deliveries", query={"limit": 2}),
    Call("GET /v1/webhooks/{webhook_id}/deliveries/{delivery_id}"),
    Call("POST /v1/webhooks/{webhook_id}/deliveries/{delivery_id}/retries"),
    Call("GET /v1/access-log", query={"action": "export.create", "limit": 1}),
    refuse,
    Call("GET /v1/access-log/service", by="Olga", query={"limit": 1}),
    Call("GET /livez", by="visitor"),
    Call("GET /readyz", by="visitor"),
    Call("GET /metrics", by="Olga", begins="# HELP labelaudit_jobs "),
)
