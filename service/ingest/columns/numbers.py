"""Numbers that are written as text: decimal commas, thousands, money, percent, dates, odd words."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

Style = Literal["plain", "decimal-comma", "thousands", "percent", "date"]

# What a file means by "no number".
NO_NUMBER = pa.array(
    [
        *("", "nan", "na", "n/a", "n.a.", "null", "none", "nil", "?", "-", "--", "—", "–", "."),
        *("#n/a", "#na", "<na>", "#value!", "#div/0!", "#null!", "#ref!", "#num!", "(null)", "nat"),
    ],
    pa.string(),
)
KINDS = {  # what a cell may be, in the order in which it is tried
    "integer": r"^[+-]?\d+$",
    "point": r"^[+-]?(\d+\.\d*|\.\d+|\d+(\.\d*)?[eE][+-]?\d+)$|^[+-]?(inf|infinity)$",
    "grouped": r"^[+-]?\d{1,3}(,\d{3})+$",  # 1,000: thousands, or a decimal comma
    "grouped-point": r"^[+-]?\d{1,3}(,\d{3})+\.\d+$",
    "comma": r"^[+-]?\d*,\d+$|^[+-]?\d{1,3}(\.\d{3})+,\d+$",
    "percent": r"^[+-]?\d+([.,]\d+)?\s?%$",
    "date": r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?)?(Z|[+-]\d{2}:?\d{2})?$",
}
FITTING: dict[Style, set[str]] = {
    "plain": {"integer", "point"},
    "thousands": {"integer", "point", "grouped", "grouped-point"},
    "decimal-comma": {"integer", "comma", "grouped"},
    "percent": {"percent", "integer", "point"},
    "date": {"date"},
}
MONEY = (r"^([+-]?)\s*[$€£¥₹]\s*", r"\s*[$€£¥₹]$")
BETWEEN = r"['’\s\x{a0}\x{202f}]"  # groups of three digits: 12 345,6 and 12'345
GROUPED = rf"^[+-]?\d{{1,3}}({BETWEEN}\d{{3}})+([.,]\d+)?$"
FEW_WORDS = 5  # different words that may stand among numbers
WORD_SHARE = 0.2  # of the cells with a value that may be such words
LONGEST = 40  # characters of a number
SHOWN = {
    "thousands": "1,000.5 is 1000.5",
    "decimal-comma": "1,5 is 1.5",
    "percent": "5% is 5",
    "date": "dates are seconds since 1970",
}


@dataclass
class NumberProfile:
    """How the cells of a column of strings would read as numbers."""

    kinds: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)  # cells that are none, with their numbers
    hopeless: bool = False

    def add(self, values: Any) -> None:
        """Count a batch of strings, none of them missing."""
        if self.hopeless:
            return
        texts = pc.utf8_trim_whitespace(values)
        known = pc.is_in(pc.utf8_lower(texts), value_set=NO_NUMBER.cast(texts.type))
        texts = texts.filter(pc.invert(known))
        if self._add_plain(texts):
            return
        counted = pc.value_counts(_bare(texts))
        names, counts = counted.field("values"), counted.field("counts")
        left = pc.less_equal(pc.utf8_length(names), LONGEST)
        self._add_words(names.filter(pc.invert(left)), counts.filter(pc.invert(left)))
        names, counts = names.filter(left), counts.filter(left)
        for kind, pattern in KINDS.items():
            found = pc.match_substring_regex(names, pattern, ignore_case=True)
            self.kinds[kind] += pc.sum(counts.filter(found)).as_py() or 0
            others = pc.invert(found)
            names, counts = names.filter(others), counts.filter(others)
        self._add_words(names, counts)

    def _add_plain(self, texts: Any) -> bool:
        """The quick way: all are numbers as computers write them."""
        try:
            pc.cast(texts, pa.float64())
        except pa.ArrowInvalid:
            return False
        whole = pc.sum(pc.match_substring_regex(texts, KINDS["integer"])).as_py() or 0
        self.kinds["integer"] += whole
        self.kinds["point"] += len(texts) - whole
        return True

    def _add_words(self, names: Any, counts: Any) -> None:
        for name, count in zip(names.to_pylist(), counts.to_pylist(), strict=True):
            self.words[name] += count
            if len(self.words) > 10 * FEW_WORDS and self.words.total() > self.kinds.total():
                self.hopeless = True
                return

    def style(self, *, prefer_comma: bool = False) -> Style | None:
        """How the column's numbers are written, None if they are no numbers."""
        total = self.kinds.total()
        if self.hopeless or not total or len(self.words) > FEW_WORDS:
            return None
        if self.words.total() > WORD_SHARE * (total + self.words.total()):
            return None
        present = set(+self.kinds)
        order: list[Style] = ["plain", "thousands", "decimal-comma", "percent", "date"]
        if prefer_comma:
            order = ["plain", "decimal-comma", "thousands", "percent", "date"]
        return next((style for style in order if present <= FITTING[style]), None)

    def must_be_commas(self) -> bool:
        """True if the column shows that commas are decimal ones."""
        return self.style() == "decimal-comma"


def parse(texts: Any, style: Style, words: Any = None) -> Any:
    """float64 of strings in a style; `words` are read as missing. Raises pa.ArrowInvalid."""
    texts = pc.utf8_trim_whitespace(texts)
    if style != "plain" or not _is_plain(texts):
        texts = _bare(texts)
    missing = pc.is_in(pc.utf8_lower(texts), value_set=NO_NUMBER.cast(texts.type))
    if words is not None:
        missing = pc.or_(missing, pc.is_in(texts, value_set=pa.array(words, texts.type)))
    texts = pc.if_else(missing, None, texts)
    if style == "date":
        return _seconds(texts)
    if style == "thousands":
        texts = pc.replace_substring(texts, ",", "")
    elif style == "decimal-comma":
        texts = pc.replace_substring(pc.replace_substring(texts, ".", ""), ",", ".")
    elif style == "percent":
        texts = pc.utf8_rtrim(pc.utf8_rtrim(texts, "%"), " ")
        texts = pc.replace_substring(texts, ",", ".")
    return pc.cast(texts, pa.float64())


def _is_plain(texts: Any) -> bool:
    """Whether no cell has a sign of money or groups of digits."""
    return not pc.any(pc.match_substring_regex(texts, r"[$€£¥₹'’]|\d[\s\x{a0}\x{202f}]\d")).as_py()


def _bare(texts: Any) -> Any:
    """Without signs of money, and without what stands between groups of three digits."""
    for pattern, kept in zip(MONEY, (r"\1", ""), strict=True):
        texts = pc.replace_substring_regex(texts, pattern, kept)
    grouped = pc.match_substring_regex(texts, GROUPED)
    if not pc.any(grouped).as_py():
        return texts
    joined = pc.replace_substring_regex(texts, BETWEEN, "")
    return pc.if_else(grouped, joined, texts)


def _seconds(texts: Any) -> Any:
    """Seconds since 1970 of ISO dates; those without a zone are taken as UTC."""
    zoned = pc.match_substring_regex(texts, r"(Z|[+-]\d{2}:?\d{2})$|^\d{4}-\d{2}-\d{2}[+-]")
    with_time = pc.match_substring(texts, ":")
    zone = pc.and_(zoned, with_time)
    local = pc.cast(pc.if_else(zone, None, texts), pa.timestamp("us"))
    moments = pc.cast(pc.if_else(zone, texts, None), pa.timestamp("us", "UTC"))
    micros = pc.coalesce(pc.cast(local, pa.int64()), pc.cast(moments, pa.int64()))
    return pc.divide(pc.cast(micros, pa.float64(), safe=False), 1e6)
