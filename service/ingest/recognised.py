"""Files whose labels are other work: boxes, outlines, spans, tokens. They are refused by name."""

import json
import re
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from service.core.errors import UnsupportedMediaType
from service.ingest.archives.archive import Archive, Member

LOOKED_AT = 64 << 10  # bytes of a text
MEMBERS = 20  # files of an archive that are looked into
ENOUGH = 0.5  # of them must be of the kind
DOCUMENTS: dict[str, tuple[set[str], str]] = {
    "a COCO file": ({"images", "annotations"}, "boxes or outlines in images"),
    "a COCO file of categories": ({"annotations", "categories"}, "boxes or outlines in images"),
    "a LabelMe file": ({"shapes", "imagePath"}, "outlines in an image"),
    "a VGG Image Annotator project": ({"_via_settings", "_via_img_metadata"}, "regions in images"),
    "a GeoJSON file": ({"type", "features"}, "shapes on a map"),
    "a Jupyter notebook": ({"cells", "nbformat"}, "code"),
    "the description of a dataset": ({"features", "splits"}, "no samples"),
    "a SQuAD file": ({"version", "data"}, "answers in texts"),
}
ONE_LABEL = "labelaudit audits one class for each sample."
TAG = re.compile(r"(O|[BIESLU]-\S+)")
LINES = 50  # of a text that decide on its kind
LIBSVM = re.compile(r"[-+]?\d+(\.\d+)?( +\d+:[-+.\deE]+)+ *(#.*)?$")
FASTTEXT = re.compile(r"__label__\S+ ")
RULE = re.compile(r"\|?( *:?-{3,}:? *\|)+( *:?-{3,}:? *)?")
YOLO = re.compile(r"\d+( +-?\d*\.?\d+(e-?\d+)?){4,}\s*", re.IGNORECASE)
GENERIC = {
    *("images", "image", "img", "imgs", "jpegimages", "labels", "annotations", "masks", "data"),
    *("segmentationclass", "segmentationobject", "train", "val", "valid", "test", "imagesets"),
    *("train2017", "val2017", "test2017", "train2014", "val2014"),
}


def refuse_text(text: str, filename: str) -> None:
    """Refuse the start of a text that is no JSON if it is a known file of another kind."""
    if is_conll(text):
        what = "a CoNLL file: one token and its tag on each line (entities in texts)"
        raise _refusal(filename, what)
    for is_kind, what, instead in TEXTS:
        if is_kind(text):
            raise UnsupportedMediaType(f"{filename} is {what}. {instead}")


def refuse_document(text: str, filename: str) -> None:
    """Refuse the start of a JSON document whose labels are other work."""
    found = find_document(text)
    if found is not None:
        what, holds = found
        raise _refusal(filename, f"{what} ({holds})")


def find_document(text: str) -> tuple[str, str] | None:
    """The name of a JSON document with these first characters, and what its labels are."""
    if not text.lstrip().startswith("{"):
        return None
    keys = _top_keys(text.lstrip())
    for name, (wanted, holds) in DOCUMENTS.items():
        if name == "a SQuAD file" and '"paragraphs"' not in text:
            continue
        if wanted <= keys or (name == "a COCO file" and "images" in keys and _is_coco(text)):
            return name, holds
    return None


def _is_coco(text: str) -> bool:
    """COCO files begin with a long list of images; the annotations come after."""
    return '"file_name"' in text and '"coco_url"' in text


def _top_keys(text: str) -> set[str]:
    """Keys of the outermost object, as far as the text goes, if its values are no scalars."""
    keys: set[str] = set()
    depth, place = 0, 0
    decoder = json.JSONDecoder()
    while place < len(text):
        character = text[place]
        if character == '"':
            try:
                value, place = decoder.raw_decode(text, place)
            except ValueError:
                return keys
            if depth == 1 and text[place:].lstrip()[:1] == ":":
                keys.add(value)
            continue
        depth += (character in "{[") - (character in "}]")
        place += 1
        if depth == 0 and text[place:].strip():
            return keys if _spans_lines(text[:place]) else set()
    return keys


def _spans_lines(text: str) -> bool:
    return "\n" in text.strip()


def is_arff(text: str) -> bool:
    """True for a file of Weka: comments with %, then @relation."""
    lines = (line.strip().lower() for line in text.splitlines())
    first = next((line for line in lines if line and not line.startswith("%")), "")
    return first.startswith("@relation")


def is_libsvm(text: str) -> bool:
    """True for lines of a label and `index:value` pairs."""
    return _every_line(text, LIBSVM)


def is_fasttext(text: str) -> bool:
    """True for lines that begin with `__label__`."""
    return _every_line(text, FASTTEXT)


def is_markdown_table(text: str) -> bool:
    """True for a row between bars above a rule of dashes."""
    lines = text.lstrip().splitlines()
    return len(lines) > 1 and "|" in lines[0] and bool(RULE.fullmatch(lines[1].strip()))


def _every_line(text: str, pattern: re.Pattern[str]) -> bool:
    lines = [line for line in text.splitlines()[:LINES] if line.strip()]
    whole = lines[:-1] if len(text) >= LOOKED_AT else lines  # the last may be cut off
    return bool(whole) and all(pattern.match(line) for line in whole)


TEXTS: tuple[tuple[Callable[[str], bool], str, str], ...] = (
    (is_arff, "an ARFF file", "Save it as CSV, with the names of the columns in the first row."),
    (
        is_libsvm,
        "a file of sparse features (LIBSVM)",
        "Save the arrays: X, y = sklearn.datasets.load_svmlight_file(path), then "
        'numpy.savez("data.npz", X=X.toarray(), y=y).',
    ),
    (
        is_fasttext,
        "a fastText file",
        "Save it as CSV with the columns label and text: the first word of a line without "
        "`__label__`, and the rest of the line.",
    ),
    (is_markdown_table, "a Markdown table", "Save it as CSV."),
)


def is_conll(text: str) -> bool:
    """True for lines of tokens and tags with blank lines between sentences."""
    lines = text.splitlines()[:500]
    filled = [line.split() for line in lines if line.strip() and not line.startswith("-DOCSTART-")]
    if len(filled) < 5 or all(line.strip() for line in lines):
        return False
    tagged = [parts for parts in filled if len(parts) > 1 and TAG.fullmatch(parts[-1])]
    return len(tagged) >= 0.9 * len(filled)


def refuse_boxes(archive: Archive, images: list[Member], labels: Iterable[str | None]) -> None:
    """Refuse pictures whose labels are boxes or outlines in files beside them.

    `labels` are the folders that would be the classes: other folders than `images` and the like
    are classes, whatever lies beside.
    """
    classes = {label.lower() for label in labels if label is not None}
    if len(classes - GENERIC) > 1:
        return
    stems = {PurePosixPath(member.name).stem for member in images}
    beside = [m for n, m in archive.members.items() if PurePosixPath(n).stem in stems]
    for suffix, is_kind, what in (
        (".txt", _is_yolo, "YOLO labels (boxes in images)"),
        (".xml", _is_voc, "Pascal VOC annotations (boxes in images)"),
        (".json", _is_labelme, "LabelMe annotations (outlines in images)"),
    ):
        files = [m for m in beside if m.name.lower().endswith(suffix)]
        looked = files[:MEMBERS]
        found = sum(is_kind(_text(archive, member)) for member in looked)
        if looked and found >= ENOUGH * len(looked) and 2 * len(files) >= len(images) / 2:
            raise _refusal(looked[0].name, what)
    for name, member in archive.members.items():
        if name.lower().endswith(".json") and find_document(_text(archive, member)):
            document, holds = find_document(_text(archive, member)) or ("", "")
            raise _refusal(name, f"{document} ({holds})")


def _text(archive: Archive, member: Member) -> str:
    return archive.head(member, LOOKED_AT).decode("utf-8", "replace")


def _is_yolo(text: str) -> bool:
    lines = [line for line in text.splitlines() if line.strip()]
    return bool(lines) and all(YOLO.fullmatch(line) for line in lines[:20])


def _is_voc(text: str) -> bool:
    return "<annotation" in text[:1000] and ("<object>" in text or "<size>" in text)


def _is_labelme(text: str) -> bool:
    return find_document(text) is not None


def _refusal(filename: str, what: str) -> UnsupportedMediaType:
    detail = (
        f"{filename} is or contains {what}. {ONE_LABEL} Cut the objects out and put each into a "
        "folder named after its class, or upload one label for each text."
    )
    return UnsupportedMediaType(detail, errors=[{"detail": what, "file": filename}])
