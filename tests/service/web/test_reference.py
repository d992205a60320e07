"""/docs says all that the document says, and loads nothing from elsewhere."""

import re
from html import unescape

from service.api.app import create_app
from service.api.examples import read_examples

DOCUMENT = create_app().openapi()


def test_every_operation_and_schema_is_there(anonymous):
    answer = anonymous.get("/docs")
    assert answer.status_code == 200
    for path, methods in DOCUMENT["paths"].items():
        for method in methods:
            assert f"<b>{method.upper()}</b> {path}</code>" in answer.text
    for name in DOCUMENT["components"]["schemas"]:
        assert f'<details id="{name}">' in answer.text
    targets = set(re.findall(r'href="#([^"]+)"', answer.text))
    assert targets <= set(re.findall(r'id="([^"]+)"', answer.text))


def test_an_operation_shows_its_example(anonymous):
    page = unescape(anonymous.get("/docs").text)
    example = read_examples()["POST /v1/datasets"]
    location = example["headers"]["Location"]
    assert (
        "<code>POST /v1/datasets?filename=animals.csv&label_column=label\n"
        "Idempotency-Key: animals-2026-03-02\n"
        "Content-Type: application/octet-stream\n\nsample_id,label," in page
    )
    assert f"<code>HTTP 202\nLocation: {location}\nRetry-After: 1\nContent-Type: app" in page
    assert f'  "id": "{location.rpartition("/")[2]}",' in page
    assert page.count("<code>HTTP ") == sum(map(len, DOCUMENT["paths"].values()))


def test_nothing_is_loaded_from_another_host_and_no_script_runs(anonymous):
    answer = anonymous.get("/docs")
    assert "<script" not in answer.text
    assert re.findall(r"(?:href|src|action)=\W*https?://", answer.text) == []
    assert "url(" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for asset in re.findall(r'(?:href|src)="(/static/[^"]+)"', answer.text):
        assert anonymous.get(asset).status_code == 200
