"""The noise matrix that an audit's objective used, and where it comes from."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labelaudit.enums import MatrixOrigin
from service.audits.shard_files import shard_folders
from service.db.tables import Audit
from service.options.objectives import resolve_options
from service.storage.local import Storage
from worker.handlers.audit_inputs import training_config

UNMOVED = 0.02  # mean distance of the rows to the identity's, of at most 2


def learned_matrix(storage: Storage, audit: Audit) -> dict[str, Any]:
    """What the summary says of it, besides the ranking's own estimate."""
    from worker.training.shard import learned_noise_matrix

    folders = shard_folders(storage, audit) if audit.plan is not None else []
    matrix = learned_noise_matrix(folders)
    if matrix is None:
        return {"learned_noise_matrix": None, "learned_noise_matrix_origin": None}
    config = training_config(audit)
    options = resolve_options(config.objective, config.objective_options)
    return {
        "learned_noise_matrix": [[round(float(v), 6) for v in row] for row in matrix],
        "learned_noise_matrix_origin": origin_of(options, matrix).value,
    }


def origin_of(options: Mapping[str, Any], matrix: NDArray[np.float64]) -> MatrixOrigin:
    """By the objective's resolved options and what it ended with, (C, C), rows = true class."""
    if options.get("noise_matrix") is not None:
        return MatrixOrigin.given
    if "matrix_source" in options:
        return MatrixOrigin.estimated
    away = np.abs(matrix - np.eye(len(matrix))).sum(1).mean()
    return MatrixOrigin.unmoved if away < UNMOVED else MatrixOrigin.learned
