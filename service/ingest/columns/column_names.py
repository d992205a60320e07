"""What the names of columns tell about their roles."""

import re
from collections.abc import Collection, Iterable

CORRECTED = "corrected_label"
LABELS = (
    *("given_label", "given_labels", "label", "labels", "target", "targets", "class"),
    *("category", "y", "intent", "sentiment", "tag"),
)
SAMPLE_IDS = ("sample_id", "sample_ids", "id", "ids", "uid", "uuid", "guid", "row_id", "idx")
TEXTS = (
    *("text", "sentence", "content", "document", "review", "question", "utterance", "comment"),
    *("message", "body", "headline", "title", "tweet", "query", "abstract"),
)
FILES = ("file", "file_name", "filename", "file_path", "filepath", "path", "image", "image_path")
SPLITS = ("split", "fold", "partition", "subset")
EMBEDDINGS = ("embedding", "embeddings", "features", "x", "vectors", "vector")
PROBABILITIES = ("pred_probs", "pred_prob", "probabilities", "probs", "pyx")
FEATURE_PREFIX = "f_"

LOOKS_LIKE_LABEL = re.compile(
    r"""(.*_)?labels?(_.*)? | targets? | class(es)? | category | y(_true|_pred)? | intent
    | sentiment | tag | (is_.*|.*_is)_(error|issue|wrong|noisy) | .*_(error|issue) | majority(_.*)?
    | crowd_.* | expert_.* | human_.* | (n_)?votes? | .*_votes? | votes?[_.].*
    | (annotator|rater|worker|labell?er)[_.\ -]?\d+
    | (ground_?)?truth | gold(_.*)? | pred(s|icted|iction|ictions)?(_.*)? | p_wrong.* | pyx | probs
    | probabilities | verdict | reviewed | annotator(_id)? | worker(_id)? | corrected_at | tier
    | split | fold | partition | subset | conflicting_duplicate""",
    re.VERBOSE,
)
LOOKS_LIKE_ID = re.compile(r"(.*_)?(id|ids|uid|uuid|guid|index|idx)|unnamed(:_|_|: )?\d+")
IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".heic", ".heif", ".jp2", ".j2k", ".dcm", ".dicom"),
)


# What pandas calls a column or an index without a name.
UNNAMED = re.compile(r"unnamed(:_|_|: )?\d+(_level_\d+)?|__index_level_\d+__|__null_dask_index__")


def find_name(names: Iterable[str], wanted: Collection[str]) -> str | None:
    """The column whose lower-case name comes first in `wanted`."""
    by_lower: dict[str, str] = {}
    for name in names:
        by_lower.setdefault(name.lower(), name)
    return next((by_lower[name] for name in wanted if name in by_lower), None)


def prefixed_features(names: Iterable[str]) -> list[str]:
    """Columns marked as features by their name."""
    return [name for name in names if name.startswith(FEATURE_PREFIX)]


def looks_like_label(name: str) -> bool:
    return LOOKS_LIKE_LABEL.fullmatch(name.lower()) is not None


def looks_like_id(name: str) -> bool:
    """True for the names of identifiers and of row numbers."""
    return LOOKS_LIKE_ID.fullmatch(name.lower()) is not None
