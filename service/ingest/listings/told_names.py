"""Classes that stand in nothing but the names of files: cat.0.jpg, Abyssinian_1.jpg."""

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

NUMBERS = re.compile(r"[\d._ ()-]+")
EXAMPLE = (
    "import pathlib, re; "
    "rows = [(p.name, re.sub(r'[\\d._ ()-]+', ' ', p.stem).strip()) "
    "for p in pathlib.Path('.').rglob('*SUFFIX')]; "
    "pathlib.Path('labels.csv').write_text("
    r"""'file,label\n' + ''.join(f'"{name}","{label}"\n' for name, label in rows))"""
)


def tell_names(files: Iterable[str]) -> str:
    """What to do if the names of the files seem to hold their classes, else an empty string."""
    paths = [PurePosixPath(file) for file in files]
    words = Counter(NUMBERS.sub(" ", path.stem).strip() for path in paths)
    if "" in words or len(words) < 2 or 2 * len(words) > len(paths):
        return ""
    shown = ", ".join(word for word, _ in words.most_common(3))
    suffix = Counter(path.suffix for path in paths).most_common(1)[0][0]
    return (
        f"The classes seem to stand in the names of the files ({shown}), which are not read as "
        "labels. Add a table labels.csv with the columns file and label, for example by this "
        f"Python: {EXAMPLE.replace('SUFFIX', suffix)}"
    )
