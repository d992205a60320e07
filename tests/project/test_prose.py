"""The check of the English finds what its rules forbid, and nothing in code."""

import re
from pathlib import Path

import pytest

from tests.support.scripts import load_script

prose = load_script("prose")
RULES = {rule.name: rule for rule in map(prose.read_rule, sorted(prose.STYLES.glob("*.yml")))}


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("Terms", "Guessed where left out."),
        ("Terms", "Find the wrong labels in a dataset, and mend them."),
        ("Terms", "Show decisions, undoings, comments."),
        ("Terms", "X probably wrong."),
        ("Terms", "Errors per 100 looks."),
        ("Terms", "34 looks would tell."),
        ("Terms", "Version X is written."),
        ("Terms", "cat given as dog"),
        ("Plain", "Whoever has the key can read it."),
        ("Plain", "The job goes on after a restart."),
        ("Impersonal", "Bring a server of yours."),
        ("ClauseSubject", "What does not hold together is told in words."),
        ("SentenceLength", " ".join(["word"] * 26) + "."),
    ],
)
def test_a_sentence_that_breaks_a_rule_is_found(rule: str, text: str):
    assert list(RULES[rule].findings(text))


@pytest.mark.parametrize(
    "text",
    [
        "What is a tier?",
        "The old one is invalid.",
        " ".join(["word"] * 25) + ". " + " ".join(["Word"] * 25) + ".",
        "Recommended" + ", e.g. for texts" * 2 + ".",
    ],
)
def test_a_plain_sentence_passes(text: str):
    assert [one for rule in RULES.values() for one in rule.findings(text)] == []


def test_code_is_not_read():
    text = "Use `mend`.\n\n```sh\nmend whoever\n```\n\n    mend --whoever\n\nSee [this](mend.md).\n"
    found = [
        one
        for part in prose.paragraphs(text)
        for rule in RULES.values()
        for one in rule.findings(prose.plain(part))
    ]
    assert found == []


def test_a_kind_of_rule_that_is_not_known_is_refused(tmp_path: Path):
    path = tmp_path / "Other.yml"
    path.write_text("extends: capitalization\nmessage: no\n")
    with pytest.raises(SystemExit, match="capitalization"):
        prose.read_rule(path)


def test_texts_of_every_kind_are_read():
    texts = [*prose.helps(), *prose.api(prose.ROOT), *prose.messages(prose.ROOT)]
    texts += prose.page(prose.ROOT)
    assert {text.kind for text in texts} == {"command line", "API", "messages", "page"}
    assert len(texts) > 1000


def test_strings_of_the_pages_scripts_are_read_and_comments_are_not(tmp_path: Path):
    script = tmp_path / "service" / "web" / "static" / "one.js"
    script.parent.mkdir(parents=True)
    script.write_text(
        '// mend "this"\n/* and "Mend" */ h("p", {}, "Say it", `${n} of "them"`, "off");\n'
    )
    assert [text.words for text in prose.page(tmp_path)] == ["Say it", 'X of "them"']


def test_a_percent_sign_on_the_page_follows_its_number():
    spaced = re.compile(r"[\dX}] %(?!\w)")
    assert [text for text in prose.page(prose.ROOT) if spaced.search(text.words)] == []
