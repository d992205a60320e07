"""/v1/audits/{id}/events: progress as server-sent events."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
import structlog
from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from labelaudit.enums import FINISHED
from service.accounts.standing import standing_of
from service.api.dependencies import Reader, Resources, ResourcesDep
from service.api.document import documented, produces
from service.audits import records as audits
from service.audits.event_poller import POLL_SECONDS
from service.core.errors import NotFound
from service.core.principal import Principal

log = structlog.get_logger()

router = APIRouter(prefix="/v1/audits", tags=["audits"], responses=documented())

PING_SECONDS = 15.0
CHECK_SECONDS = 3.0  # between two looks at whether the caller may still follow
EVENT_ID = re.compile(r"[0-9]{1,18}")


@router.get("/{audit_id}/events", response_class=StreamingResponse,
            responses=produces("text/event-stream", description="The events."))  # fmt: skip
async def stream_events(
    request: Request,
    resources: ResourcesDep,
    caller: Reader,
    audit_id: str,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """Progress as server-sent events, from the beginning or behind `Last-Event-ID`.

    Each event is named `progress` and carries `status`, `job`, `progress` and `eta_seconds`. The
    stream ends with the audit. It also ends within seconds if your key is revoked or expires, if
    you sign out, or if the audit is no longer shared.
    """
    # a 404 must come before the stream
    await run_in_threadpool(_events, resources, caller, audit_id, 0)
    standing = await run_in_threadpool(_standing, resources, caller)
    begin = int(last_event_id) if last_event_id and EVENT_ID.fullmatch(last_event_id) else 0
    return StreamingResponse(
        _stream(_Follower(request, resources, caller, audit_id, standing), begin),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


@dataclass(frozen=True)
class _Follower:
    """Who follows which audit, and how they stood when the stream began."""

    request: Request
    resources: Resources
    caller: Principal
    audit_id: str
    standing: str | None

    def look(self, seq: int) -> tuple[list[tuple[int, Any]], bool]:
        """The events behind number `seq`, and whether the stream ends with them."""
        try:
            if self.standing is None or _standing(self.resources, self.caller) != self.standing:
                return [], True
            return _events(self.resources, self.caller, self.audit_id, seq)
        except NotFound:  # deleted, or no longer shared with the caller
            return [], True
        except SQLAlchemyError as error:  # the database may be down; the stream outlasts a moment
            log.warning("stream_not_checked", error=str(error))
            return [], False


async def _stream(follower: _Follower, seq: int) -> AsyncIterator[bytes]:
    resources = follower.resources
    with (
        resources.metrics.streams.track_inprogress(),
        resources.event_poller.following(follower.audit_id),
    ):
        async for event in _told(follower, seq):
            yield event


async def _told(follower: _Follower, seq: int) -> AsyncIterator[bytes]:
    poller, closing = follower.resources.event_poller, follower.request.app.state.closing
    silent, unchecked = 0.0, CHECK_SECONDS
    while not await follower.request.is_disconnected():
        events: list[tuple[int, Any]] = []
        finished = False
        if unchecked >= CHECK_SECONDS or poller.has_events_after(follower.audit_id, seq):
            events, finished = await run_in_threadpool(follower.look, seq)
            unchecked = 0.0
        for seq, data in events:
            yield b"id: %d\nevent: progress\ndata: %s\n\n" % (seq, orjson.dumps(data))
        if finished or closing.is_set():
            return
        silent = 0.0 if events else silent + POLL_SECONDS
        unchecked += POLL_SECONDS
        if silent >= PING_SECONDS:
            yield b": still here\n\n"
            silent = 0.0
        await asyncio.sleep(POLL_SECONDS)


def _standing(resources: Resources, caller: Principal) -> str | None:
    with resources.database.autocommit() as connection:
        return standing_of(connection, caller)


def _events(
    resources: Resources, caller: Principal, audit_id: str, seq: int
) -> tuple[list[tuple[int, Any]], bool]:
    with resources.read(caller) as session:
        finished = audits.get_audit(session, audit_id).status in FINISHED
        found = audits.events_after(session, audit_id, seq)
        return [(event.seq, event.data) for event in found], finished
