"""Writers of a corrected dataset, and of a ranking as a table. See docs/formats.md."""

from service.exports.formats.corrections import CorrectedLabels, Correction
from service.exports.formats.dataset import Format, export
from service.exports.formats.label_studio import Suggestion, Suggestions
from service.exports.formats.suspects import SUSPECT_COLUMNS, write_suspects

__all__ = [
    "SUSPECT_COLUMNS",
    "CorrectedLabels",
    "Correction",
    "Format",
    "Suggestion",
    "Suggestions",
    "export",
    "write_suspects",
]
