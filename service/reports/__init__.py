"""An audit as a whole: its class pairs, its data map, what reviewers have found, the report."""

from service.reports.build import build_report, read_plot_data
from service.reports.data_map import AXES, DataMap, read_data_map
from service.reports.findings import Findings, TierFindings, read_findings
from service.reports.pairs import Pair, list_pairs
from service.reports.plots import draw

__all__ = [
    "AXES",
    "DataMap",
    "Findings",
    "Pair",
    "TierFindings",
    "build_report",
    "draw",
    "list_pairs",
    "read_data_map",
    "read_findings",
    "read_plot_data",
]
