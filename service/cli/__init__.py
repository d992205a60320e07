"""The `labelaudit` command line. Most commands are clients of the public API."""

import sys

INSTALL = "The command line needs the service: pip install 'labelaudit[service,worker]'"
OWN_PACKAGES = ("labelaudit", "service", "worker", "migrations")


def main() -> None:
    """The console script. It imports nothing before it can say what is not installed."""
    try:
        from service.cli.app import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in OWN_PACKAGES:
            raise
        sys.exit(INSTALL)
    run()
