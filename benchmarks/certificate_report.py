"""The tables of `docs/certificates.md`, made from what `benchmarks.certificate --jsonl` wrote.

    python -m benchmarks.certificate_report certificate.jsonl...

A mean over packs lets every pack weigh alike, whatever noise was injected into it.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.certificate import VERDICTS
from benchmarks.detection_report import CHOSEN_ON

Records = list[dict[str, Any]]


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser("benchmarks.certificate_report", description=__doc__)
    parser.add_argument("lines", nargs="+", type=Path)
    options = parser.parse_args()
    records = [json.loads(text) for path in options.lines for text in path.read_text().splitlines()]
    for part in (_means(records), _cases(records)):
        print("\n".join(part), end="\n\n")


def _means(records: Records) -> Iterator[str]:
    yield "| level | packs | lists | " + " | ".join(map(str, VERDICTS)) + " | broken, most, mean |"
    yield "|---|---|--:|" + "--:|" * (len(VERDICTS) + 1)
    for level in sorted({record["key"][2] for record in records}):
        some = [record for record in records if record["key"][2] == level]
        for name, chosen in (("first half", [True]), ("second half", [False]), ("all", [0, 1])):
            part = [record for record in some if _is_chosen_on(record) in chosen]
            if part:
                yield _mean(f"{level:g} | {name}", part)


def _mean(title: str, records: Records) -> str:
    """Shares of what exists, where anything exists; broken promises everywhere."""
    packs: dict[str, Records] = {}
    for record in records:
        if record["exist"]:
            packs.setdefault(_pack(record), []).append(record)
    shares = [
        np.mean([np.mean([one["share"][str(n)] for one in some]) for some in packs.values()])
        for n in VERDICTS
    ]
    broken = [record["broken"] for record in records]
    cells = [f"{share:.2f}" for share in shares]
    cells.append(f"{max(broken):.3f}, {np.mean(broken):.4f}")
    return f"| {title} | {len(records)} | " + " | ".join(cells) + " |"


def _cases(records: Records) -> Iterator[str]:
    levels = sorted({record["key"][2] for record in records})
    yield "| pack | goal | " + " | ".join(f"at {level:g}" for level in levels) + " |"
    yield "|---|---|" + "--:|" * len(levels)
    for name, goal in dict.fromkeys((record["key"][0], record["key"][1]) for record in records):
        of = {r["key"][2]: r for r in records if r["key"][:2] == [name, goal]}
        yield f"| {name} | {goal} | " + " | ".join(_cell(of.get(level)) for level in levels) + " |"


def _cell(record: dict[str, Any] | None) -> str:
    if record is None:
        return ""
    certified: Sequence[float] = [record["certified"][str(n)] for n in VERDICTS]
    return " / ".join(f"{count:.0f}" for count in certified) + f" of {record['exist']:,}"


def _pack(record: dict[str, Any]) -> str:
    name: str = record["key"][0]
    return name.split("+")[0]


def _is_chosen_on(record: dict[str, Any]) -> bool:
    pack = f".{_pack(record)}."  # files have dots where packs have slashes
    return any(f".{part}." in pack for part in CHOSEN_ON)


if __name__ == "__main__":
    main()
