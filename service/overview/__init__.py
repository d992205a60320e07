"""What an audit looks like as a whole: its class pairs, its data map, what reviewers have found."""

from service.overview.pairs import Pair, list_pairs

__all__ = ["Pair", "list_pairs"]
