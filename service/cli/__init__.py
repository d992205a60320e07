"""The `labelaudit` command line. Most commands are clients of the public API."""

import sys

INSTALL = (
    "The command line needs the service: pip install 'labelaudit[service,worker]', or with uv: "
    "uvx --from 'labelaudit[service,worker]' labelaudit"
)
OWN_PACKAGES = ("labelaudit", "service", "worker", "migrations")


def main() -> None:
    """The console script. It imports nothing before it can say what is not installed."""
    if sys.argv[1:] == ["--version"]:  # works without the service, too
        from labelaudit import __version__

        sys.stdout.write(f"{__version__}\n")
        return
    try:
        from service.cli.app import run
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in OWN_PACKAGES:
            raise
        sys.exit(INSTALL)
    run()
