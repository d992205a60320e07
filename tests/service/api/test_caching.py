"""What browsers and proxies may keep of an answer."""

import pytest

from service.exports import records as exports
from tests.support.factories import make_dataset, person


def test_answers_with_a_token_and_about_oneself_are_not_stored(admin, call_as):
    made = admin.post("/v1/keys", json={"name": "Ann", "role": "annotator"})
    rotated = admin.post(f"/v1/keys/{made.json()['id']}/rotate")
    for answer in (made, rotated, admin.get("/v1/me"), admin.post("/v1/sessions")):
        assert answer.is_success
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/v1/keys", "/v1/sessions", "/v1/nothing", "/v1/datasets"])
def test_no_answer_is_stored_that_does_not_say_so(admin, path):
    assert admin.get(path).headers["cache-control"] == "no-store"


def test_an_export_is_revalidated_and_sent_once(uploader, store):
    dataset = make_dataset(store)
    with store.database.write() as session:
        export = exports.start_export(
            session, dataset, format="csv", dataset_version=None, principal=person("Uma")
        )
        counts = {"changed": 0, "kept": 0, "excluded": 0}
        exports.complete_export(
            session, export.id, filename="a.csv", bytes=5, sha256="0" * 64, counts=counts
        )
        key = exports.file_key(export.id)
    with store.storage.writing(key) as path:
        path.write_text("hello")
    first = uploader.get(f"/v1/exports/{export.id}/file")
    assert first.text == "hello"
    assert first.headers["cache-control"] == "private, no-cache"
    known = {"If-None-Match": f'W/"other", {first.headers["etag"]}'}
    assert uploader.get(f"/v1/exports/{export.id}/file", headers=known).status_code == 304
