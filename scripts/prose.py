"""Checks the English of the documents, the page, the command line's help, the API and messages.

    scripts/prose            # every finding, with its place; exit code 1 if there is one
    scripts/prose --count    # how many, by kind of text and by rule

The rules are files of scripts/styles in Vale's format, so `vale docs` finds the same in the
documents. Vale itself is a binary that no Python package contains, and it sees neither the help
texts nor the API's. Three of its kinds of rule are read here: existence, substitution, occurrence.
"""

import argparse
import ast
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
STYLES = ROOT / "scripts" / "styles" / "labelaudit"
OPENAPI = Path("tests") / "service" / "api" / "openapi.json"
PACKAGES = ("labelaudit", "service", "worker")
GENERATED = {"licences.md"}
WITHOUT_LENGTH = ("docs/lab/", "docs/decisions/", "CHANGELOG.md")  # evidence and history
SCRIPT_TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|(["`])(?P<string>(?:\\.|(?!\1).)*)\1""", re.DOTALL)
SCRIPT_VALUE = re.compile(r"\$\{[^}]*\}")
TEMPLATE_MARKUP = re.compile(r"<style>.*?</style>|<[^>]*>|\{[%#].*?[%#]\}", re.DOTALL)
ABBREVIATIONS = re.compile(r"\b(e\.g|i\.e|etc|vs|al|cf|approx)\.")
END_OF_SENTENCE = re.compile(r"(?<=[.!?])[\"')*_]*\s+(?=[\"'(*_`]*[A-Z])")


@dataclass(frozen=True)
class Text:
    """A paragraph, a list item, a table cell or a string, with where it was found."""

    kind: str
    place: str
    words: str


@dataclass(frozen=True)
class Rule:
    name: str
    message: str
    sentence: bool
    most: int | None  # of an occurrence
    patterns: tuple[tuple[re.Pattern[str], str], ...]  # with what to write instead

    def findings(self, text: str) -> Iterator[str]:
        for part in sentences(text) if self.sentence else [text]:
            for pattern, instead in self.patterns:
                found = [match[0] for match in pattern.finditer(part)]
                if self.most is not None:
                    if len(found) > self.most:
                        yield f"{self.message} ({len(found)}: {part[:60]}…)"
                    continue
                for words in found:
                    given = (instead, words) if instead else (words,)
                    yield self.message % given[: self.message.count("%s")]


def read_rule(path: Path) -> Rule:
    """A rule of Vale: https://vale.sh/docs/styles."""
    rule: dict[str, Any] = yaml.safe_load(path.read_text())
    flags = re.IGNORECASE if rule.get("ignorecase") else 0
    kind = rule["extends"]
    if kind == "occurrence":
        pairs = [(rule["token"], "")]
    elif kind == "existence":
        pairs = [(token, "") for token in rule["tokens"]]
    elif kind == "substitution":
        pairs = list(rule["swap"].items())
    else:
        raise SystemExit(f"{path}: this checker knows no rule that extends {kind}.")
    whole = kind != "occurrence" and not rule.get("nonword")
    return Rule(
        name=path.stem,
        message=rule["message"],
        sentence=rule.get("scope") == "sentence",
        most=rule.get("max"),
        patterns=tuple(
            (re.compile(rf"\b(?:{token})\b" if whole else token, flags), instead)
            for token, instead in pairs
        ),
    )


def sentences(text: str) -> list[str]:
    kept = ABBREVIATIONS.sub(lambda match: match[0].replace(".", "․"), text)
    return [part.replace("․", ".") for part in END_OF_SENTENCE.split(kept)]


def plain(markdown: str) -> str:
    """Without code, links' targets and markup. Code counts as one word."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", markdown)
    text = re.sub(r"``?[^`]+``?", "X", text)
    text = re.sub(r"<https?://[^>]+>|https?://\S+", "X", text)
    return " ".join(text.replace("**", "").split())


def paragraphs(markdown: str) -> Iterator[str]:
    """Paragraphs, list items and table cells, outside of code."""
    text = re.sub(r"^```.*?^```$", "", markdown, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"(?:^|(?<=\n\n))(?: {4}.*\n?)+", "", text)
    for block in re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )|\n(?=[#|])", text):
        if block.startswith("|"):
            yield from re.split(r"(?<!\\)\|", block)
        else:
            yield re.sub(r"^\s*(?:[-*]|\d+\.|#+) ", "", block)


def documents(root: Path) -> Iterator[Text]:
    for path in [*sorted(root.glob("[A-Z]*.md")), *sorted((root / "docs").rglob("*.md"))]:
        if path.name not in GENERATED:
            place = str(path.relative_to(root))
            for part in paragraphs(path.read_text()):
                yield Text("documents", place, plain(part))


def helps() -> Iterator[Text]:
    """The command line's texts, of every command and option."""
    import typer

    from service.cli.app import app

    def walk(command: Any, path: str) -> Iterator[Text]:
        for part in re.split(r"\n\s*\n", command.help or ""):
            yield Text("command line", path, plain(part))
        for one in command.params:
            yield Text("command line", f"{path} {one.name}", plain(getattr(one, "help", "") or ""))
        for name, one in getattr(command, "commands", {}).items():
            yield from walk(one, f"{path} {name}")

    yield from walk(typer.main.get_command(app), "labelaudit")


def api(root: Path) -> Iterator[Text]:
    """Every summary and description of the API's document."""

    def walk(part: Any, path: str) -> Iterator[Text]:
        if isinstance(part, dict):
            for key, value in part.items():
                if key in ("summary", "description", "title") and isinstance(value, str):
                    for words in paragraphs(value):
                        yield Text("API", path, plain(words))
                else:
                    yield from walk(value, f"{path}/{key}")
        elif isinstance(part, list):
            for value in part:
                yield from walk(value, path)

    yield from walk(json.loads((root / OPENAPI).read_text()), "")


def messages(root: Path) -> Iterator[Text]:
    """Texts of errors, settings and printed lines: strings in `raise`, `Field(…)`, `print(…)`."""
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Raise) or is_shown(node):
                    place = f"{path.relative_to(root)}:{getattr(node, 'lineno', 0)}"
                    for words in strings(node):
                        yield Text("messages", place, plain(words))


def is_shown(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    return name in ("print", "Field")


def strings(node: ast.AST) -> Iterator[str]:
    """The sentences in a statement: constants with a space, f-strings with `X` for each value."""
    for part in ast.walk(node):
        if isinstance(part, ast.JoinedStr):
            values = (
                str(one.value) if isinstance(one, ast.Constant) else "X" for one in part.values
            )
            yield "".join(values)
        elif isinstance(part, ast.Constant) and isinstance(part.value, str) and " " in part.value:
            yield part.value


def page(root: Path) -> Iterator[Text]:
    """Every string with a blank or a capital in the page's scripts, and the text of templates."""
    for path in sorted((root / "service" / "web" / "static").glob("*.js")):
        for token in SCRIPT_TOKEN.finditer(path.read_text()):
            words = SCRIPT_VALUE.sub("X", token["string"] or "")
            if " " in words or words[:1].isupper():
                yield Text("page", str(path.relative_to(root)), " ".join(words.split()))
    for path in sorted((root / "service").rglob("templates/*.html*")):
        for part in TEMPLATE_MARKUP.sub("\n", path.read_text()).split("\n\n"):
            yield Text("page", str(path.relative_to(root)), " ".join(part.split()))


def applies(rule: Rule, text: Text) -> bool:
    return rule.name != "SentenceLength" or not text.place.startswith(WITHOUT_LENGTH)


def findings(texts: Iterable[Text], rules: list[Rule]) -> Iterator[tuple[Text, Rule, str]]:
    for text in texts:
        for rule in rules:
            if applies(rule, text):
                for found in rule.findings(text.words):
                    yield text, rule, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", action="store_true", help="count by kind of text and by rule")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    root = chosen.root.resolve()
    rules = [read_rule(path) for path in sorted(STYLES.glob("*.yml"))]
    texts = [*documents(root), *helps(), *api(root), *messages(root), *page(root)]
    found = list(dict.fromkeys(findings(texts, rules)))
    if chosen.count:
        counts = Counter((text.kind, rule.name) for text, rule, _ in found)
        for (kind, name), count in sorted(counts.items()):
            print(f"{kind:14s} {name:16s} {count}")
        print(f"{len(found)} findings in {len(texts)} texts")
        return
    for text, rule, words in found:
        print(f"{text.place}: {rule.name}: {words}")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
