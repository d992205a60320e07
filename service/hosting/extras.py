"""Which of an extra's packages are not installed."""

import re
from importlib.metadata import PackageNotFoundError, distribution, requires

NAME = re.compile(r"[A-Za-z0-9._-]+")


def missing_packages(extra: str) -> list[str]:
    """The packages of the extra that this Python does not have; none where nobody can tell, since
    labelaudit itself is not installed."""
    try:
        wanted = requires("labelaudit") or []
    except PackageNotFoundError:
        return []
    named = [NAME.match(one) for one in wanted if re.search(rf"""extra == ['"]{extra}['"]""", one)]
    return [found.group() for found in named if found and not _is_installed(found.group())]


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
