"""What an audit looks like as a whole: its class pairs, its data map, what reviewers have found."""

from service.overview.data_map import DataMap, read_data_map
from service.overview.findings import Findings, find
from service.overview.gather import gather, report
from service.overview.pairs import Pair, list_pairs
from service.overview.plots import draw

__all__ = [
    "DataMap",
    "Findings",
    "Pair",
    "draw",
    "find",
    "gather",
    "list_pairs",
    "read_data_map",
    "report",
]
