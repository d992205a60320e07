"""`scripts/drill NAME… [--runs 20] [--on embedded]`: run drills and tell the figures."""

import argparse
import json
import random
import statistics
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from tests.drills.arena import Arena
from tests.drills.every import DRILLS
from tests.drills.registry import CannotRun
from tests.drills.stack import SHAPES, running


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/drill", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="all but soak where left out")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60, help="of one drill, at most")
    parser.add_argument("--on", choices=SHAPES, help="both where left out")
    parser.add_argument("--seed", type=int, default=None, help="of the random moments")
    parser.add_argument("--output", type=Path, help="append each drill's figures as a JSON line")
    options = parser.parse_args()
    if unknown := set(options.names) - set(DRILLS):
        parser.error(f"no drill {', '.join(sorted(unknown))}; there are {', '.join(DRILLS)}")
    names = options.names or [name for name in DRILLS if name != "soak"]
    failed = False
    for shape in [options.on] if options.on else SHAPES:
        chosen = [name for name in names if shape in DRILLS[name].shapes]
        if not chosen:
            continue
        with running(shape) as stack:
            arena = Arena(stack, random.Random(options.seed))
            for name in chosen:
                figures = run(arena, name, options.runs, 60 * options.minutes)
                failed |= bool(figures["failures"])
                sys.stdout.write(row(figures) + "\n")
                sys.stdout.flush()
                if options.output:
                    with options.output.open("a") as file:
                        file.write(json.dumps(figures) + "\n")
    sys.exit(failed)


def run(arena: Arena, name: str, wanted: int, seconds: float) -> dict[str, Any]:
    """Run one drill some times on a running stack; what went wrong is counted, not raised."""
    failures: list[str] = []
    lost = doubled = 0
    arena.ledger.recoveries.clear()
    arena.ledger.outcomes.clear()
    arena.notes.clear()
    began, runs = time.monotonic(), 0
    while runs < wanted and time.monotonic() - began < seconds:
        runs += 1
        try:
            DRILLS[name].act(arena)
            arena.check()
        except CannotRun as reason:
            runs -= 1
            arena.notes.append(f"cannot run here: {reason}")
            break
        except Exception as error:
            traceback.print_exc()
            failures.append(f"{type(error).__name__}: {error}"[:500])
            arena.ledger.faults.clear()
            arena.stack.restore()
        lost += len(arena.ledger.lost(arena.stack))
        doubled += len(arena.ledger.doubled(arena.stack))
    return {
        "drill": name,
        "says": DRILLS[name].says,
        "on": arena.stack.shape,
        "runs": runs,
        "lost": lost,
        "doubled": doubled,
        "failures": failures,
        "notes": list(arena.notes),
        "outcomes": dict(arena.ledger.outcomes),
        "recoveries": [round(seconds, 2) for seconds in arena.ledger.recoveries],
        "acknowledged": len(arena.ledger.corrections),
        "seconds": round(time.monotonic() - began, 1),
    }


def row(figures: dict[str, Any]) -> str:
    """One line of the table in docs/reliability.md."""
    took = figures["recoveries"]
    recovery = f"{statistics.median(took):.1f} s, at most {max(took):.1f} s" if took else "–"
    passed = figures["runs"] - len(figures["failures"])
    line = (
        f"| {figures['drill']} | {figures['on']} | {passed} of {figures['runs']} "
        f"| {figures['lost']} | {figures['doubled']} | {recovery} |"
    )
    return "\n".join([line, *figures["notes"], *figures["failures"]])


if __name__ == "__main__":
    main()
