"""The nearest-neighbour graph of an audit: searched once, read by the neighbours family, by the
search for duplicates and outliers (service/issues), and by people who look at a suspect."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

FILE = "nearest.npy"
NEIGHBOURS = 12  # of each sample in the file
MAX_REFERENCES = 12_000  # neighbours are searched among at most so many random samples
_BLOCK_ELEMENTS = 2**22  # a block of similarities stays in the processor's cache


def nearest_blocks(features: Tensor, *, k: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows (b,) and their nearest other rows (b, k), nearest first, block by block.

    Euclidean distance between features (N, D), on their device. Beyond 12,000 samples the
    neighbours are searched among a random 12,000, so the work is linear in N; k is at most one less
    than the samples searched.
    """
    n_samples, device = len(features), features.device
    generator = torch.Generator().manual_seed(seed)
    references = torch.randperm(n_samples, generator=generator)[:MAX_REFERENCES].sort().values
    references = references.to(device)
    pool = features[references]
    half_norms = pool.square().sum(1) / 2
    position = torch.full((n_samples,), -1, device=device)
    position[references] = torch.arange(len(references), device=device)
    k = min(k, len(references) - 1)
    block = max(1, _BLOCK_ELEMENTS // len(references))
    for rows in torch.split(torch.arange(n_samples, device=device), block):
        # The nearest are those with the largest <x, y> - |y|^2 / 2; |x|^2 is the same for all.
        closeness = torch.addmm(-half_norms, features[rows], pool.T)  # (b, D) x (D, R) -> (b, R)
        own = (position[rows] >= 0).nonzero().squeeze(1)
        closeness[own, position[rows][own]] = -torch.inf
        yield rows, references[closeness.topk(k, dim=1).indices]


def empty_graph(n_samples: int) -> NDArray[np.int32]:
    """(N, 12), all -1 = no neighbour."""
    return np.full((n_samples, NEIGHBOURS), -1, dtype=np.int32)


def nearest_neighbours(features: Tensor, *, seed: int = 0) -> NDArray[np.int32]:
    """(N, 12) the nearest others of features (N, D), nearest first, -1 where there are fewer."""
    graph = empty_graph(len(features))
    for rows, nearest in nearest_blocks(features, k=NEIGHBOURS, seed=seed):
        graph[rows.cpu().numpy(), : nearest.shape[1]] = nearest.cpu().numpy()
    return graph


def load_graph(folders: list[Path]) -> NDArray[np.int32] | None:
    """The graph that one of these shards' folders holds, mapped from disk, if any does."""
    for folder in folders:
        if (folder / FILE).exists():
            graph: NDArray[np.int32] = np.load(folder / FILE, mmap_mode="r")
            return graph
    return None
