"""Parameters that no operation has are refused, and media types that none can produce."""

import gzip

import pytest
import zstandard

from service.api.app import create_app
from tests.service.api.test_problems import check_problem

OPERATIONS = [
    (method.upper(), path)
    for path, methods in create_app().openapi()["paths"].items()
    for method in methods
    if path.startswith("/v1/")
]


def test_a_parameter_that_the_operation_does_not_have_is_refused(admin):
    assert len(OPERATIONS) > 80
    for method, path in OPERATIONS:
        answer = admin.request(method, path, params={"label_colum": "y"})
        assert answer.status_code == 422, (method, path)
        if method != "HEAD":
            problem = check_problem(answer)
            assert problem["type"] == "/problems/unknown-parameter"
            assert problem["errors"] == [{"parameter": "label_colum", "detail": "unknown"}]


def test_the_nearest_parameter_is_suggested(admin):
    problem = check_problem(admin.post("/v1/datasets?label_colum=y", content=b"a,b\n"))
    assert "Did you mean `label_column`?" in problem["detail"]


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200),
        ("application/json", 200),
        ("application/*;q=0.1", 200),
        ("text/html, application/json;q=0.5", 200),
        ("text/html", 406),
        ("application/json;q=0, text/html", 406),
        ("application/json;q=0, */*", 406),
        ("image/*", 406),
        ("", 200),
    ],
)
def test_only_what_the_caller_accepts_is_sent(admin, accept, status):
    answer = admin.get("/v1/me", headers={"Accept": accept})
    assert answer.status_code == status
    if status == 406:
        assert "application/json" in check_problem(answer)["detail"]


def unpacked(content: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return gzip.decompress(content)
    return zstandard.ZstdDecompressor().decompressobj().decompress(content)


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_answers_are_compressed_if_the_caller_can_read_it(admin, encoding):
    plain = admin.get("/v1/objectives", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    with admin.stream("GET", "/v1/objectives", headers={"Accept-Encoding": encoding}) as answer:
        assert answer.headers["content-encoding"] == encoding
        sent = b"".join(answer.iter_raw())
    assert unpacked(sent, encoding) == plain.content
    assert len(sent) < len(plain.content) / 2
