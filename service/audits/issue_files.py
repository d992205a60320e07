"""The issues of an audit's samples and dataset. Verdicts change none, so that they are found once.

`audits/{id}/issues.npz` has one number a sample for each score, and the rest as JSON.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from service.audits import records as audits
from service.issues import Issues
from service.issues.image_quality import Quality

SINGLE = ("flags", "ambiguous_score", "near_duplicate_score", "outlier_score", "duplicate_set")
SCORE, FOUND = "score.", "found."


def issues_key(audit_id: str) -> str:
    return f"{audits.folder(audit_id)}/issues.npz"


def write_issues(issues: Issues, checks: list[dict[str, Any]], path: Path) -> None:
    arrays = {name: getattr(issues, name) for name in SINGLE if getattr(issues, name) is not None}
    rest: dict[str, Any] = {"checks": checks, "prevalent": None}
    if issues.quality is not None:
        rest["prevalent"] = issues.quality.prevalent
        arrays |= {SCORE + name: values for name, values in issues.quality.scores.items()}
        arrays |= {FOUND + name: values for name, values in issues.quality.found.items()}
    with path.open("wb") as file:  # a name would get a suffix
        np.savez(file, rest=np.array(json.dumps(rest)), **arrays)


def read_issues(path: Path) -> tuple[Issues, list[dict[str, Any]]] | None:
    """None if they were not found yet."""
    if not path.exists():
        return None
    with np.load(path) as stored:
        rest = json.loads(str(stored["rest"]))
        quality = None
        if rest["prevalent"] is not None:
            scores = {n.removeprefix(SCORE): stored[n] for n in stored if n.startswith(SCORE)}
            found = {n.removeprefix(FOUND): stored[n] for n in stored if n.startswith(FOUND)}
            quality = Quality(scores, found, rest["prevalent"])
        single = {name: stored[name] for name in SINGLE if name in stored}
    return Issues(**single, quality=quality), rest["checks"]
