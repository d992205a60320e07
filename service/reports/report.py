"""The report: one HTML file with the figures, the pictures and the worst suspects. No script, no
reference to anything outside; it looks the same in ten years."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from importlib.resources import files
from typing import Any

from sqlalchemy import Row

from service.db.tables import Audit, Dataset
from service.reports.plots import NAMES, draw
from service.reports.plots.subject import Subject

STYLE = files("service.reports") / "report.css"
WORST = 30
FEW_CLASSES = 50
TIERS = {"obvious": "Obvious", "possible": "Possible", "none": "Not suspected"}
TITLES = {
    "data_map": ("Data map", "Confidence against variability, epoch by epoch."),
    "noise_matrix": (
        "Noise matrix",
        "Of the samples that truly are the class on the left, the share that was given the label "
        "above. The diagonal, what was labeled rightly, is left blank.",
    ),
    "findings": (
        "Errors found",
        "Errors found, in the order of review. Grey: what reviewing random samples would find.",
    ),
    "tiers": ("Promise and verdicts", "What each tier promises beside what reviewers found."),
    "classes": ("Classes", "The noise rate of each class with its interval."),
}


@dataclass(frozen=True)
class Reported:
    """All that a report tells."""

    audit: Audit
    dataset: Dataset
    subject: Subject
    pictures: Sequence[str]
    worst: Sequence[Row[Any]]


def write_report(reported: Reported) -> str:
    """The whole file. Every name from the dataset is escaped."""
    dataset, summary = reported.dataset, reported.subject.summary
    parts = [
        _head(reported),
        _limits(summary),
        _tiers(reported.subject),
        *(_picture(name, reported.subject) for name in NAMES if name in reported.pictures),
        _classes(summary),
        _worst(reported.worst, dataset.class_names),
        _method(reported),
    ]
    title = escape(f"Label audit of {dataset.name}")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n"
        f"<body>\n<main>\n{''.join(parts)}</main>\n</body>\n</html>\n"
    )


def _head(reported: Reported) -> str:
    dataset, rate = reported.dataset, reported.subject.summary.get("noise_rate")
    findings = reported.subject.findings
    noise = (
        f'<p class="big">{percent(rate["low"])} – {percent(rate["high"])}</p>'
        f"<p>of the labels are probably wrong; the middle estimate is "
        f"{percent(rate['estimate'])}.</p>"
        if rate
        else "<p>The noise rate was not estimated.</p>"
    )
    looked = (
        f"{findings.reviewed:,} samples have been reviewed; {findings.errors:,} labels were wrong."
        if findings.reviewed
        else "Nobody has reviewed it yet."
    )
    return (
        f"<header><p class=quiet>Label audit</p><h1>{escape(dataset.name)}</h1>"
        f"<p class=quiet>{dataset.sample_count:,} samples, {len(dataset.class_names):,} classes, "
        f"version {reported.audit.dataset_version}. Written {datetime.now(UTC):%d %B %Y}.</p>"
        f"</header><section>{noise}<p>{looked}</p></section>\n"
    )


def _limits(summary: dict[str, Any]) -> str:
    words = [*(summary.get("cannot_judge") or []), *(summary.get("missing") or [])]
    if not words:
        return ""
    items = "".join(f"<li>{escape(word)}</li>" for word in words)
    return f"<section class=limits><h2>What it cannot judge</h2><ul>{items}</ul></section>\n"


def _tiers(subject: Subject) -> str:
    promised = subject.summary.get("tiers") or {}
    found = {tier.tier.value: tier for tier in subject.findings.tiers}
    rows = []
    for name, title in TIERS.items():
        tier, seen = promised.get(name) or {}, found[name]
        expected = tier.get("expected_precision")
        low = tier.get("lower_bound")
        promise = "–" if expected is None else percent(expected)
        if expected is not None and low is not None:
            promise += f" <small>low end {percent(low)}</small>"
        verdicts = (
            f"{seen.wrong:,} of {seen.reviewed:,} "
            f"<small>{percent(seen.low)} – {percent(seen.high)}</small>"
            if seen.reviewed
            else "–"
        )
        rows.append([title, f"{tier.get('count', 0):,}", promise, verdicts])
    return (
        "<section><h2>Tiers</h2>"
        + _table(["Tier", "Samples", "Expected to be wrong", "Found wrong so far"], rows)
        + "</section>\n"
    )


def _picture(name: str, subject: Subject) -> str:
    title, caption = TITLES[name]
    light, dark = (_data_uri(draw(name, subject, format="svg", theme=t)) for t in ("light", "dark"))
    return (
        f"<section><h2>{title}</h2><figure><picture>"
        f'<source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="{title}"></picture>'
        f"<figcaption>{caption}</figcaption></figure></section>\n"
    )


def _data_uri(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def _classes(summary: dict[str, Any]) -> str:
    rows = sorted(
        summary.get("per_class") or [], key=lambda row: -float(row["estimated_wrong_count"])
    )
    if not rows:
        return ""
    cells = [
        [
            escape(row["class"]),
            f"{row['given_count']:,}",
            f"{row['estimated_wrong_count']:,.0f}",
            f"{percent(row['noise_rate']['estimate'])} "
            f"<small>{percent(row['noise_rate']['low'])} – {percent(row['noise_rate']['high'])}"
            "</small>",
            escape(row["most_confused_with"] or "–"),
        ]
        for row in rows[:FEW_CLASSES]
    ]
    more = f"<p class=quiet>and {len(rows) - FEW_CLASSES:,} more</p>"
    return (
        "<section><h2>Classes, one by one</h2>"
        + _table(["Given label", "Samples", "Probably wrong", "Noise rate", "Mostly really"], cells)
        + (more if len(rows) > FEW_CLASSES else "")
        + "</section>\n"
    )


def _worst(worst: Sequence[Row[Any]], names: list[str]) -> str:
    rows = [
        [
            f"{suspect.rank}",
            escape(suspect.sample_id),
            escape(names[suspect.given_label]),
            "–" if suspect.suggested_label is None else escape(names[suspect.suggested_label]),
            percent(suspect.p_wrong),
            escape(suspect.reason),
        ]
        for suspect in worst
    ]
    return (
        "<section><h2>The worst suspects</h2>"
        + _table(["Rank", "Sample", "Given", "Suggested", "Probably wrong", "Reason"], rows)
        + "</section>\n"
    )


def _method(reported: Reported) -> str:
    config = reported.audit.config
    facts = {
        "Audit": reported.audit.id,
        "Objective": config.get("objective"),
        "Encoder": config.get("encoder"),
        "Seed": config.get("seed"),
        "Figures": reported.subject.summary.get("basis"),
    }
    words = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}</dd></div>"
        for name, value in facts.items()
        if value is not None
    )
    return (
        f"<section><h2>How it was made</h2><dl>{words}</dl><p class=quiet>labelaudit trains small "
        "noise-robust models on bootstrap draws of the data, records how each treats every sample "
        "epoch by epoch, and ranks the samples by how probably their label is wrong. Given labels "
        "are never overwritten.</p></section>\n"
    )


def _table(titles: list[str], rows: list[list[str]]) -> str:
    head = "".join(f'<th scope="col">{title}</th>' for title in titles)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>'
        + "".join(f"<td>{cell}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div class=scroll>{table}</div>"


def percent(share: float) -> str:
    """As the page says it: small shares get a digit more."""
    return f"{share:.1%}" if share < 0.1 else f"{share:.0%}"
