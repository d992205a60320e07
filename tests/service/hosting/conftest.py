"""Services run as processes of their own."""

from tests.service.cli.conftest import serve
from tests.support.live import client, live, probabilities_file, wrong_ids

__all__ = ["client", "live", "probabilities_file", "serve", "wrong_ids"]
