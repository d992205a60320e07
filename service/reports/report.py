"""The report: one HTML file with figures, plots and the worst suspects. It has no scripts and no
external references, so it stays readable forever."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlalchemy import Row

from service.db.tables import Audit, Dataset
from service.reports.findings import Certified
from service.reports.plots import draw
from service.reports.plots.plot_data import PlotData

MAX_SUSPECTS = 30
MAX_CLASSES = 50
TIERS = {"obvious": "Obvious", "possible": "Possible", "none": "Not suspected"}
PLOTS = {  # name -> title, caption
    "data_map": ("Data map", "Confidence against variability over the epochs."),
    "noise_matrix": (
        "Noise matrix",
        "Each row is a true class; each cell is the share of it that was given the label of the "
        "column. The diagonal, correctly labeled samples, is left blank.",
    ),
    "findings": (
        "Errors found",
        "Errors found, in the order of review. Grey: what reviewing random samples would find.",
    ),
    "tiers": ("Tiers and verdicts", "The expected precision of each tier, and the errors found."),
    "classes": ("Classes", "The noise rate of each class with its interval."),
}


@dataclass(frozen=True)
class ReportData:
    """Everything that a report shows."""

    audit: Audit
    dataset: Dataset
    plot_data: PlotData
    plots: Sequence[str]
    worst: Sequence[Row[Any]]
    certified: Sequence[Certified]


def render_report(data: ReportData) -> str:
    """The HTML file. The template escapes every value."""
    summary, findings = data.plot_data.summary, data.plot_data.findings
    html: str = (
        _environment()
        .get_template("report.html.j2")
        .render(
            audit=data.audit,
            dataset=data.dataset,
            summary={"noise_rate": None, **summary},
            findings=findings,
            certified=data.certified,
            limits=[*(summary.get("cannot_judge") or []), *(summary.get("missing") or [])],
            tiers=_tiers(data.plot_data),
            plots=[_plot(name, data.plot_data) for name in PLOTS if name in data.plots],
            classes=sorted(
                summary.get("per_class") or [],
                key=lambda row: -float(row["estimated_wrong_count"]),
            ),
            max_classes=MAX_CLASSES,
            worst=data.worst,
            facts=_facts(data),
            written_at=datetime.now(UTC),
        )
    )
    return html


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("service.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    environment.filters["number"] = lambda count: f"{count:,}"
    return environment


def _tiers(plot_data: PlotData) -> list[dict[str, Any]]:
    expected = plot_data.summary.get("tiers") or {}
    found = {tier.tier.value: tier for tier in plot_data.findings.tiers}
    return [
        {
            "title": title,
            "count": (expected.get(name) or {}).get("count", 0),
            "expected": (expected.get(name) or {}).get("expected_precision"),
            "lower_bound": (expected.get(name) or {}).get("lower_bound"),
            "found": found[name],
        }
        for name, title in TIERS.items()
    ]


def _plot(name: str, plot_data: PlotData) -> dict[str, str]:
    title, caption = PLOTS[name]
    images = {
        theme: _data_uri(draw(name, plot_data, format="svg", theme=theme))
        for theme in ("light", "dark")
    }
    return {"title": title, "caption": caption, **images}


def _data_uri(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def _facts(data: ReportData) -> dict[str, Any]:
    config = data.audit.config
    return {
        "Audit": data.audit.id,
        "Objective": config.get("objective"),
        "Encoder": config.get("encoder"),
        "Seed": config.get("seed"),
        "Figures": data.plot_data.summary.get("basis"),
    }


def percent(share: float) -> str:
    """A percentage as the page shows it: small shares get one more digit."""
    return f"{share:.1%}" if share < 0.1 else f"{share:.0%}"
