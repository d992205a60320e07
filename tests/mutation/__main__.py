"""`scripts/mutate AREA… [--sample 50] [--seed 1]`: do the tests notice faults in the code?"""

import argparse
import math
import sys

from tests.mutation.areas import AREAS
from tests.mutation.runner import Result, run


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/mutate", description=__doc__)
    parser.add_argument("areas", nargs="+", choices=[*AREAS, "all"], metavar="AREA")
    parser.add_argument("--sample", type=int, help="mutants of each area; all where left out")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument(
        "--half", type=int, choices=(1, 2), help="mend tests on one half, measure on the other"
    )
    options = parser.parse_args()
    areas = list(AREAS) if "all" in options.areas else options.areas
    found = {}
    for area in areas:
        found[area] = run(
            area, sample=options.sample, seed=options.seed, half=options.half, told=_tell
        )
    sys.stdout.write(table(found))


def table(found: dict[str, list[Result]]) -> str:
    """The scores and the survivors, as Markdown."""
    lines = ["", "| area | tried | caught | score | 95 % interval |", "|---|---:|---:|---:|---|"]
    for area, results in found.items():
        valid = [result for result in results if result.status != "stillborn"]
        caught = sum(result.is_caught for result in valid)
        low, high = wilson(caught, len(valid))
        score = caught / len(valid) if valid else math.nan
        lines.append(
            f"| {area} | {len(valid)} | {caught} | {score:.0%} | {low:.0%} to {high:.0%} |"
        )
    lines += ["", "| survivor | key | change |", "|---|---|---|"]
    for results in found.values():
        lines += [_row(result) for result in results if result.status == "survived"]
    return "\n".join(lines) + "\n"


def wilson(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """The score interval of a share (Wilson, 1927)."""
    if trials == 0:
        return 0.0, 1.0
    share = successes / trials
    scale = 1.0 + z * z / trials
    middle = (share + z * z / (2 * trials)) / scale
    reach = z / scale * math.sqrt(share * (1 - share) / trials + (z / (2 * trials)) ** 2)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _row(result: Result) -> str:
    mutant = result.mutant
    change = f"{mutant.operator}: {mutant.change}".replace("|", "\\|")
    note = f" ({result.by})" if result.by else ""
    return f"| {mutant.path}:{mutant.line} | {mutant.key} | {change}{note} |"


def _tell(result: Result) -> None:
    mutant = result.mutant
    sys.stderr.write(
        f"{result.status:10} {mutant.path}:{mutant.line} {mutant.operator}: {mutant.change} "
        f"{result.by}\n"
    )


if __name__ == "__main__":
    main()
