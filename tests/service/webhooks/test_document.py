"""The function that docs/webhooks.md shows verifies what the service signs."""

import re
import time
from typing import Any

from service.webhooks.signatures import new_secret, signed_headers
from tests.support.documents import ROOT


def shown_verify() -> Any:
    page = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n((?:(?!```).)*def verify.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(block, "docs/webhooks.md", "exec"), names)
    return names["verify"]


def test_the_shown_function_takes_our_signatures_and_no_others() -> None:
    verify, secret, body, moment = shown_verify(), new_secret(), '{"a": "é"}'.encode(), time.time()
    headers = signed_headers([secret], "de_1", int(moment), body)
    assert verify(secret, headers, body)
    assert not verify(new_secret(), headers, body)
    assert not verify(secret, headers, body + b" ")
    assert not verify(secret, {**headers, "webhook-id": "de_2"}, body)
    assert not verify(secret, signed_headers([secret], "de_1", int(moment) - 301, body), body)
