"""Code blocks of the documents, run as a reader would run them."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ID = re.compile(r"\b(au|ds|ex|co|le|ba)_[0-9a-f…]+")
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
NUMBER = re.compile(r"\d[\d,.]*")
FREE = re.compile(r"(?:N|obvious|possible|none) ")  # ranks and tiers differ between processors
SECONDS = 600


@dataclass(frozen=True)
class Block:
    language: str
    text: str


def blocks(document: Path) -> list[Block]:
    """The fenced blocks with a language, in order."""
    return [Block(*found) for found in BLOCK.findall(document.read_text())]


def comparable(text: str) -> list[str]:
    """Lines without what differs between machines: numbers, ids, addresses, spaces."""
    for pattern, word in ((ID, "ID"), (ADDRESS, "ADDRESS"), (NUMBER, "N")):
        text = pattern.sub(word, text)
    lines = (" ".join(line.split()) for line in text.splitlines())
    return [line for line in lines if line]


def shows(expected: str, printed: str) -> bool:
    """Whether a text was printed, where `…` stands for anything, on a line or as lines.

    So does each line of a suspect or a tier: which are found first differs between processors.
    """
    lines = ["…" if FREE.match(line) else line for line in comparable(expected)]
    lines = [line for line, _ in groupby(lines)]
    pattern = re.escape("\n".join(lines)).replace("…", r"(?:.|\n)*?")
    return re.search(rf"(?m)^{pattern}$", "\n".join(comparable(printed))) is not None


def environment(folder: Path, url: str, token: str) -> dict[str, str]:
    """Where `labelaudit`, `python` and the service are found, as in an activated environment."""
    commands = folder / ".bin"
    commands.mkdir(exist_ok=True)
    for name, words in {"labelaudit": "-m service.cli", "python": ""}.items():
        command = commands / name
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        command.chmod(0o700)
    return {
        **os.environ,
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "LABELAUDIT_URL": url,
        "LABELAUDIT_TOKEN": token,
        "COLUMNS": "200",
    }


def record_requests(folder: Path, curl: str) -> Path:
    """The file to which every `curl` of the blocks writes its arguments, a line each."""
    commands = folder / ".bin"
    commands.mkdir(exist_ok=True)
    recorded = folder / ".requests"
    recorder = commands / "curl"
    recorder.write_text(f'#!/bin/sh\necho "$*" >> "{recorded}"\nexec "{curl}" "$@"\n')
    recorder.chmod(0o700)
    return recorded


def run_blocks(document: Path, folder: Path, url: str, token: str) -> str:
    """Run the `sh` and `python` blocks in order, and compare what `text` blocks promise.

    Blocks of one language share nothing but the folder, except that `sh` blocks share variables.
    """
    printed, everything, shell = "", "", ""
    for block in blocks(document):
        if block.language == "text":
            assert shows(block.text, printed), f"{block.text}\n--- but it printed ---\n{printed}"
        elif block.language in ("python", "sh"):
            if block.language == "sh":
                command = ["sh", "-aeuc", f"{shell}\n{block.text}\nexport -p > .variables"]
                shell = ". ./.variables"
            else:
                command = [sys.executable, "-c", block.text]
            done = subprocess.run(
                command,
                cwd=folder,
                env=environment(folder, url, token),
                capture_output=True,
                text=True,
                timeout=SECONDS,
            )
            assert done.returncode == 0, f"{block.text}\n{done.stdout}\n{done.stderr}"
            printed = done.stdout
            everything += printed
    return everything
