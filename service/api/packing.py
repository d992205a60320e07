"""Matrices as `labelaudit.schemas.PackedArray` has them."""

import base64
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Four decimals of a probability, three of a margin; class indices as they are.
PROBABILITY = ("uint16", 1e-4)
FORMS = {"margin": ("int32", 1e-3), "predicted_label": ("uint16", 1.0)}


def pack(name: str, values: NDArray[Any]) -> dict[str, Any]:
    """
    Parameters
    ----------
    name : the field, which decides about the precision
    values : (rows, columns)
    """
    dtype, scale = FORMS.get(name, PROBABILITY)
    if not np.isfinite(values).all():
        raise ValueError(f"{name} has values that are not finite")
    if np.issubdtype(values.dtype, np.integer) and values.max(initial=0) > np.iinfo(dtype).max:
        dtype = "int32"
    integers = np.rint(np.asarray(values, dtype=float) / scale).astype(
        f"<{np.dtype(dtype).str[1:]}"
    )
    return {
        "shape": list(values.shape),
        "dtype": dtype,
        "scale": scale,
        "data": base64.b64encode(integers.tobytes()).decode(),
    }
