"""What an audit looks like as a whole: its class pairs, its data map, what reviewers have found."""

from service.reports.data_map import DataMap, read_data_map
from service.reports.findings import Findings, read_findings
from service.reports.gather import gather, report
from service.reports.pairs import Pair, list_pairs
from service.reports.plots import draw

__all__ = [
    "DataMap",
    "Findings",
    "Pair",
    "draw",
    "gather",
    "list_pairs",
    "read_data_map",
    "read_findings",
    "report",
]
