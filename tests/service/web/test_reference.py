"""/docs says all that the document says, and loads nothing from elsewhere."""

import re

from service.api.app import create_app

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


def test_nothing_is_loaded_from_another_host_and_no_script_runs(anonymous):
    answer = anonymous.get("/docs")
    assert "<script" not in answer.text
    assert re.findall(r"https?://", answer.text) == []
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for asset in re.findall(r'(?:href|src)="(/static/[^"]+)"', answer.text):
        assert anonymous.get(asset).status_code == 200
