"""/v1/audits/{id}/events: progress as server-sent events."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from labelaudit.enums import FINISHED
from service.api.dependencies import Reader, Resources, ResourcesDep
from service.api.problems import documented
from service.audits import records as audits
from service.audits.event_poller import POLL_SECONDS
from service.core.principal import Principal

router = APIRouter(prefix="/v1/audits", tags=["audits"], responses=documented())

PING_SECONDS = 15.0
EVENT_ID = re.compile(r"[0-9]{1,18}")


@router.get("/{audit_id}/events", response_class=StreamingResponse)
async def stream_events(
    request: Request,
    resources: ResourcesDep,
    caller: Reader,
    audit_id: str,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Progress as server-sent events, from the beginning or behind `Last-Event-ID`.

    Each event is named `progress` and carries `status`, `job`, `progress` and `eta_seconds`. The
    stream ends when the audit does.
    """
    # a 404 must come before the stream
    await run_in_threadpool(_events, resources, caller, audit_id, 0)
    begin = int(last_event_id) if last_event_id and EVENT_ID.fullmatch(last_event_id) else 0
    return StreamingResponse(
        _stream(request, resources, caller, audit_id, begin),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


async def _stream(
    request: Request, resources: Resources, caller: Principal, audit_id: str, seq: int
) -> AsyncIterator[bytes]:
    with resources.metrics.streams.track_inprogress(), resources.event_poller.following(audit_id):
        async for event in _told(request, resources, caller, audit_id, seq):
            yield event


async def _told(
    request: Request, resources: Resources, caller: Principal, audit_id: str, seq: int
) -> AsyncIterator[bytes]:
    silent, first = 0.0, True
    while not await request.is_disconnected():
        events: list[tuple[int, Any]] = []
        finished = False
        if first or resources.event_poller.has_events_after(audit_id, seq):
            events, finished = await run_in_threadpool(_events, resources, caller, audit_id, seq)
        for seq, data in events:
            yield b"id: %d\nevent: progress\ndata: %s\n\n" % (seq, orjson.dumps(data))
        if finished or request.app.state.closing.is_set():
            return
        silent, first = 0.0 if events else silent + POLL_SECONDS, False
        if silent >= PING_SECONDS:
            yield b": still here\n\n"
            silent = 0.0
        await asyncio.sleep(POLL_SECONDS)


def _events(
    resources: Resources, caller: Principal, audit_id: str, seq: int
) -> tuple[list[tuple[int, Any]], bool]:
    with resources.read(caller) as session:
        finished = audits.get_audit(session, audit_id).status in FINISHED
        found = audits.events_after(session, audit_id, seq)
        return [(event.seq, event.data) for event in found], finished
