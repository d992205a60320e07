"""What a notebook shows of datasets, audits and suspects. Every value is escaped."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from html import escape
from typing import Any

from labelaudit.client.errors import LabelauditError
from labelaudit.client.transport import Transport
from labelaudit.schemas import AuditRead, Estimate, SummaryRead

PICTURE_PIXELS = 64
MAX_TEXT = 160
MAX_CELLS = 4  # of a table's row


class Html(str):
    """Text that is HTML already."""


def audit(read: AuditRead, summary: SummaryRead | None) -> Html:
    """What an audit has found, or how far it is."""
    if summary is None:
        problem = (read.problem or {}).get("title")
        told = {"status": read.status, "progress": percent(read.progress), "problem": problem}
        return facts(f"Audit {read.id}", told)
    tiers = {f"{name} suspects": f"{one.count:,}" for name, one in summary.tiers.items()}
    issues = {str(name): f"{count:,}" for name, count in summary.issues.items() if count}
    checks = {one.name.replace("_", " "): one.detail for one in summary.checks if one.found}
    told = {"wrong labels": estimate(summary.noise_rate), **tiers, **issues, **checks}
    return facts(f"Audit {read.id}", told)


def table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> Html:
    titles = "".join(f"<th>{cell(title)}</th>" for title in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{cell(value)}</td>" for value in row) + "</tr>" for row in rows
    )
    return Html(f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>")


def facts(title: object, values: Mapping[str, object]) -> Html:
    """A title, and a table of what is known."""
    rows = "".join(
        f"<tr><th>{cell(name)}</th><td>{cell(value)}</td></tr>"
        for name, value in values.items()
        if value not in (None, "")
    )
    return Html(f"<strong>{cell(title)}</strong><table><tbody>{rows}</tbody></table>")


def cell(value: object) -> str:
    if isinstance(value, Html):
        return value
    return "–" if value is None else escape(str(value))


def percent(share: float) -> str:
    return f"{share:.1%}" if share < 0.1 else f"{share:.0%}"


def estimate(found: Estimate) -> str:
    if found.low is None or found.high is None:
        return percent(found.value)
    return f"{percent(found.value)} ({percent(found.low)} to {percent(found.high)})"


def sample(transport: Transport, content: Mapping[str, Any], media_url: str | None) -> Html:
    """A small picture, the beginning of the text, or some cells of the row."""
    if media_url is not None:
        with suppress(LabelauditError):  # a picture that cannot be shown is named instead
            return _picture(transport, media_url)
    match content:
        case {"text": str(text)}:
            return Html(escape(_shortened(text)))
        case {"row": dict(row)}:
            shown = [f"{name}: {value}" for name, value in list(row.items())[:MAX_CELLS]]
            return Html(escape(_shortened(", ".join(shown))))
        case {"file": str(name)}:
            return Html(escape(_shortened(name)))
    return Html(f"{content.get('dimensions', '?')} numbers")


def _picture(transport: Transport, media_url: str) -> Html:
    answer = transport.request("GET", media_url, params={"size": PICTURE_PIXELS})
    encoded = base64.b64encode(answer.content).decode()
    return Html(f'<img alt="" src="data:image/png;base64,{encoded}">')


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"
