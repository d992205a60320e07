"""The HTTP application, run by `labelaudit serve`."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from uuid import uuid4

import structlog
from fastapi import Depends, FastAPI, Request
from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette_compress import CompressMiddleware

from service.accounts import oidc
from service.accounts.last_used import LastUsed
from service.accounts.refusals import Refusals
from service.api import background, caching, document, problems
from service.api.body_deadline import BodyDeadline
from service.api.body_limit import TooLargeIsAProblem
from service.api.budget import Budget
from service.api.dependencies import Resources
from service.api.negotiation import refuse_unacceptable, refuse_unknown_parameters
from service.api.pictures import Pictures
from service.api.rate_limit import Limit
from service.api.routes import (
    access_log,
    arrays,
    audits,
    catalogue,
    certificates,
    dataset_uploads,
    datasets,
    exports,
    health,
    keys,
    label_studio,
    members,
    models,
    multipart_uploads,
    overview,
    people,
    progress,
    rankings,
    review,
    samples,
    sessions,
    suspects,
    tenants,
    uploads,
    webhooks,
)
from service.audits.event_poller import POLL_SECONDS, EventPoller
from service.backends import open_backends
from service.core.config import Settings
from service.core.config import settings as default_settings
from service.observability import requests, telemetry
from service.observability.metrics import Metrics
from service.pictures.decoders import Decoders
from service.web.problem_pages import router as problem_pages
from service.web.reference import router as reference
from service.web.routes import router as web

log = structlog.get_logger()

DESCRIPTION = """
Upload a labeled dataset, start an audit, and get its samples ranked by the probability that their
label is wrong. Annotators work through the queue and submit corrections; you export the corrected
dataset or audit it again.

* Authenticate each request with an API key: `Authorization: Bearer la_…`.
* Long-running work returns 202 with a `Location`, a status and a progress stream.
* Errors are RFC 9457 problems that say what is wrong and how to fix it.
* Score directions: high `p_wrong` is bad; low `label_score`, margins and `p_given` are bad.
* Lists are sorted worst first or newest first; page through them with `cursor`.
"""
# Routes are matched in this order, so the most frequent come first.
RESOURCES = (
    suspects,
    review,
    audits,
    samples,
    dataset_uploads,
    datasets,
    uploads,
    multipart_uploads,
    overview,
    people,
    progress,
    rankings,
    arrays,
    certificates,
    models,
    exports,
    label_studio,
    members,
    keys,
    sessions,
    tenants,
    access_log,
    webhooks,
    catalogue,
    health,
)
MAX_BODY_BYTES = 16 * 2**20  # of JSON, which is read into memory; uploads have their own limit
STORE_LAST_USED_SECONDS = 30.0
STORE_REFUSALS_SECONDS = 20.0
LOCK_SECONDS = 5.0  # to wait for another transaction; then the caller gets a 503
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or default_settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        settings = app.state.settings
        app.state.closing.clear()
        backends = open_backends(settings, lock_seconds=LOCK_SECONDS)
        database, storage, bucket = backends.database, backends.storage, backends.upload_bucket
        last_used, metrics = LastUsed(database), Metrics(database, storage)
        event_poller = EventPoller(database)
        refusals = Refusals(database)
        decoders = Decoders(
            slots=settings.picture_decoders,
            total_bytes=settings.picture_bytes,
            wait_seconds=settings.picture_wait_seconds,
        )
        pictures = Pictures(database, storage, decoders)
        app.state.resources = Resources(
            settings,
            database,
            storage,
            metrics,
            event_poller,
            last_used,
            calls=Limit("calls", settings.rate_limit_per_caller, settings.redis_url),
            failed_sign_ins=Limit(
                "failed-sign-ins", settings.failed_sign_in_limit, settings.redis_url
            ),
            provider=oidc.Provider(settings) if settings.oidc_issuer else None,
            refusals=refusals,
            bucket=bucket,
            pictures=pictures,
            budget=Budget(settings.expensive_requests),
        )
        loops = (
            background.sweep(database, backends.notify, settings.sweep_seconds),
            background.clean(database, storage, bucket, settings),
            background.send_webhooks(database, settings),
            background.repeat(event_poller.poll, POLL_SECONDS, "events_not_polled"),
            background.repeat(last_used.store, STORE_LAST_USED_SECONDS, "last_used_not_stored"),
            background.repeat(refusals.flush, STORE_REFUSALS_SECONDS, "refusals_not_stored"),
        )
        tasks = [asyncio.create_task(loop) for loop in loops]
        yield
        app.state.closing.set()
        for task in tasks:
            task.cancel()
        await pictures.close()
        await background.attempt(last_used.store, "last_used_not_stored")
        await background.attempt(partial(refusals.flush, all_of_them=True), "refusals_not_stored")
        backends.close()

    app = FastAPI(
        title="labelaudit",
        version="1",
        summary="Find and fix mislabeled samples in a dataset.",
        description=DESCRIPTION,
        openapi_tags=[{"name": name, "description": text} for name, text in document.TAGS.items()],
        contact={"name": "The operators of this service"},
        license_info={"name": "Apache 2.0", "identifier": "Apache-2.0"},
        lifespan=lifespan,
        telemetry=telemetry.of_requests(),
        docs_url=None,  # FastAPI's page loads scripts from a CDN; ours needs none
        openapi_url="/openapi.json" if settings.shows_docs else None,
        redoc_url=None,
        generate_unique_id_function=document.operation_id,
    )
    app.state.settings = settings
    app.state.closing = threading.Event()  # set when the server is told to stop
    app.add_middleware(BodyDeadline, seconds=settings.body_seconds)
    app.add_middleware(TooLargeIsAProblem)
    app.add_middleware(CompressMiddleware, minimum_size=1000, brotli=False)
    app.add_middleware(RequestMiddleware)
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID"],
            expose_headers=["Location", "X-Request-ID", "Retry-After"],
        )
    problems.install(app)
    document.install(app)
    for resource in RESOURCES:
        app.include_router(
            resource.router,
            max_body_size=MAX_BODY_BYTES,
            dependencies=[Depends(refuse_unknown_parameters), Depends(refuse_unacceptable)],
        )
    app.include_router(web)
    app.include_router(problem_pages)
    if settings.shows_docs:
        app.include_router(reference)
    return app


class RequestMiddleware:
    """Gives each request an id, observes it, and sets the headers of every response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        given = request.headers.get("x-request-id", "")
        request.state.request_id = given if REQUEST_ID.fullmatch(given) else uuid4().hex
        with requests.log_request(request) as entry:

            async def send_with_headers(message: Message) -> None:
                if message["type"] == "http.response.start":
                    entry.responded(message["status"])
                    headers = MutableHeaders(scope=message)
                    headers["X-Request-ID"] = request.state.request_id
                    for name, value in SECURITY_HEADERS.items():
                        headers.setdefault(name, value)
                    if scope["path"].startswith(caching.PREFIX):
                        headers.setdefault("Cache-Control", caching.NOT_STORED)
                    if scope["scheme"] == "https":
                        headers["Strict-Transport-Security"] = "max-age=31536000"
                await send(message)

            await self.app(scope, receive, send_with_headers)


app = create_app(Settings())
