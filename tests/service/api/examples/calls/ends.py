"""What ends or deletes something."""

from tests.service.api.examples.call import Call

CALLS = (
    Call("DELETE /v1/audits/{audit_id}/assignments/{assignment_id}"),
    Call("DELETE /v1/datasets/{dataset_id}/members/{key_id}", where={"key_id": "{ben_id}"}),
    Call("DELETE /v1/keys/{key_id}"),
    Call("DELETE /v1/sessions/{session_id}"),
    Call("DELETE /v1/sessions/current", by="visitor"),
    Call("DELETE /v1/sessions"),
    Call("DELETE /v1/webhooks/{webhook_id}"),
    Call("DELETE /v1/tenants/{tenant_id}", by="Olga"),
)
