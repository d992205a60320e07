"""Looks the installed packages up among known vulnerabilities.

Ends with 1 where some are known, with 2 where nothing could be asked (no network, or an index
without such data), which is a different thing from knowing of none.
"""

import json
import subprocess
import sys

COMMAND = ("-m", "pip_audit", "--local", "--skip-editable", "--progress-spinner", "off")
FOUND, UNKNOWN = 1, 2


def main() -> int:
    asked = subprocess.run(
        [sys.executable, *COMMAND, "--timeout", "15", "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        packages = json.loads(asked.stdout)["dependencies"]
    except ValueError:
        last = (asked.stderr.strip().splitlines() or ["no answer"])[-1]
        print(f"Known vulnerabilities could not be asked for: {last}")
        return UNKNOWN
    for package in packages:
        for found in package.get("vulns", ()):
            fixed = ", ".join(found["fix_versions"]) or "nothing yet"
            print(f"{package['name']} {package['version']}: {found['id']}, fixed in {fixed}")
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    known = any(package.get("vulns") for package in packages)
    print(f"{len(packages) - len(skipped)} of {len(packages)} packages looked up.")
    if known:
        return FOUND
    return UNKNOWN if skipped else 0


if __name__ == "__main__":
    sys.exit(main())
