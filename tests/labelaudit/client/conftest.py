from tests.support.live import (
    audited,
    client,
    live,
    probabilities_file,
    wrong_ids,
)

__all__ = ["audited", "client", "live", "probabilities_file", "wrong_ids"]
