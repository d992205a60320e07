"""A large file from the page straight to the bucket, or through the service where it is barred."""

import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from sqlalchemy import select

from labelaudit.enums import Role
from service.db.tables import Dataset, Upload
from service.storage.upload_bucket import UploadBucket
from tests.service.web.conftest import Served, Visit, Visitor
from tests.support.bucket import (
    ACCESS_KEY,
    BUCKET,
    PART_BYTES,
    SECRET_KEY,
)

WORDS = "x" * 230
ROWS = "".join(f"{number},{WORDS},{'ab'[number % 2]}\n" for number in range(50_000))
CONTENT = f"name,text,label\n{ROWS}".encode()  # three parts
FILE = {"name": "words ü.csv", "mimeType": "text/csv", "buffer": CONTENT}


@pytest.fixture
def settings_at(s3_url: str) -> Callable[[str], dict[str, Any]]:
    settings = {
        "upload_bucket": BUCKET,
        "upload_prefix": f"{uuid4().hex}/",
        "upload_endpoint": s3_url,
        "upload_region": "us-east-1",
        "upload_access_key": ACCESS_KEY,
        "upload_secret_key": SECRET_KEY,
        "upload_part_bytes": PART_BYTES,
    }
    return lambda _url: settings


@pytest.fixture
def bucket(served: Served) -> UploadBucket:
    """Pages of all origins may put objects there."""
    upload_bucket = UploadBucket(served.settings)
    upload_bucket._s3.create_bucket(Bucket=BUCKET)
    rule = {"AllowedOrigins": ["*"], "AllowedMethods": ["PUT"], "AllowedHeaders": ["*"]}
    upload_bucket._s3.put_bucket_cors(Bucket=BUCKET, CORSConfiguration={"CORSRules": [rule]})
    return upload_bucket


def choose_file(visitor: Visitor) -> None:
    visitor.page.set_input_files("#file", FILE)
    visitor.page.wait_for_selector(".dataset", timeout=60_000)


def stored(served: Served) -> Dataset:
    served.work()
    with served.store.database.read() as session:
        return session.scalars(select(Dataset)).one()


def test_a_large_file_goes_to_the_bucket_and_a_part_that_failed_is_sent_again(
    served: Served, visit: Visit, bucket: UploadBucket
) -> None:
    visitor = visit(role=Role.uploader)
    visitor.expected += [f"another host: {bucket.origin}", "ERR_CONNECTION_RESET"]
    put: list[dict[str, str]] = []

    def hurt(route: Any) -> None:
        put.append(route.request.headers)
        if len(put) == 2:
            route.abort("connectionreset")
        else:
            route.continue_()

    visitor.page.route(f"{bucket.origin}/**", hurt)
    through: list[str] = []
    visitor.page.on("request", lambda asked: through.append(f"{asked.method} {asked.url}"))
    choose_file(visitor)
    assert len(put) == 4
    assert not any("authorization" in head or "cookie" in head or "x-csrf" in head for head in put)
    assert not [
        one for one in through if one.startswith(("PATCH", f"POST {served.url}/v1/datasets"))
    ]
    dataset = stored(served)
    assert (dataset.filename, dataset.status) == ("words ü.csv", "completed")
    assert dataset.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert list(bucket.everything()) == []


def test_where_the_bucket_takes_nothing_the_file_goes_through_the_service_and_the_page_says_so(
    served: Served, visit: Visit, bucket: UploadBucket
) -> None:
    visitor = visit(role=Role.uploader)
    visitor.expected += [f"another host: {bucket.origin}", "ERR_FAILED"]
    visitor.page.route(f"{bucket.origin}/**", lambda route: route.abort())
    visitor.page.set_input_files("#file", FILE)
    visitor.page.wait_for_selector("text=uploaded through the server", timeout=60_000)
    visitor.page.wait_for_selector(".dataset", timeout=60_000)
    dataset = stored(served)
    assert dataset.sha256 == hashlib.sha256(CONTENT).hexdigest()
    with served.store.database.read() as session:
        uploads = session.scalars(select(Upload)).all()
    assert [upload.part_bytes for upload in uploads] == [None]  # nothing is reserved for the parts
    assert list(bucket.everything()) == []


def test_the_page_may_call_the_bucket_and_nobody_else(
    served: Served, visit: Visit, bucket: UploadBucket
) -> None:
    visitor = visit(role=Role.uploader)
    policy = visitor.page.request.get(served.url).headers["content-security-policy"]
    [connect] = [part for part in policy.split("; ") if part.startswith("connect-src")]
    assert connect == f"connect-src 'self' {bucket.origin}"
    assert urlsplit(bucket.origin).path == ""
