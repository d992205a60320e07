"""Plans the shards of an audit: every hyperparameter is fixed before a machine runs one."""

from typing import NamedTuple

from service.core.errors import BadInput
from service.options.objectives import resolve_options
from service.options.training import TrainingConfig
from worker.training import families
from worker.training.spec import ShardSpec

SMALL_TABLE = 20_000 * 64  # values that scikit-learn's families still fit in seconds
HIDDEN = 128  # half as many cost .005 of average precision on 50,000 samples, and save a third
LOGIT_BUDGET = 2**25  # B * K * C: bounds a batch's activations to about 128 MiB each
# Above these numbers of samples fewer replicas, trained for fewer epochs, rank nearly as well.
MEDIUM, LARGE = 10_000, 20_000
REPLICAS, FEWER_REPLICAS = 16, 8
# Signals are averages over epochs, which takes some, however many steps those have.
MIN_EPOCHS, MIN_EPOCHS_LARGE = 20, 10
# Optimiser steps to convergence. Few features make curved classes that take long to fit; many make
# nearly linear ones, which a longer training only memorises.
STEPS, STEPS_LARGE, STEPS_FEW_FEATURES = 1000, 480, 4500
FEW_FEATURES = 128


class FineTuning(NamedTuple):
    """It starts from trained weights: few passes, and few replicas, for each is expensive."""

    replicas: int = 4
    batch_size: int = 32
    steps: int = 300
    min_epochs: int = 6
    max_epochs: int = 20


FINE_TUNING = FineTuning()


def plan_shards(
    config: TrainingConfig, *, shape: tuple[int, ...], n_classes: int, encoder: str | None = None
) -> list[ShardSpec]:
    """The shards of an audit of inputs of `shape`: (N, D) vectors, (N, channels, H, W) images, or
    what the `encoder` reads where the network is `fine_tuned`.

    Raises
    ------
    BadInput
        The network or the families asked for cannot read such inputs.
    """
    images = len(shape) == 4
    fine_tuned = config.network == "fine_tuned"
    chosen = config.families or (("network",) if fine_tuned else _suitable_families(shape))
    if (images or fine_tuned) and set(chosen) != {"network"}:
        without = "A fine-tuned encoder leaves" if fine_tuned else "Images without an encoder leave"
        raise BadInput(f"{without} no vectors to read: the only family is network.")
    shards: list[ShardSpec] = []
    if "network" in chosen:
        few = FINE_TUNING.replicas if fine_tuned else FEWER_REPLICAS
        wanted = config.replicas or (few if fine_tuned or images or shape[0] > MEDIUM else REPLICAS)
        for first in range(0, wanted, config.replicas_per_shard):
            replicas = min(config.replicas_per_shard, wanted - first)
            place = len(shards)
            shards.append(
                _fine_tuned_shard(config, place, replicas, shape[0], encoder)
                if fine_tuned
                else _network_shard(config, place, replicas, shape, n_classes)
            )
    for family in families.FAMILIES:
        if family in chosen:
            shards.append(ShardSpec(number=len(shards), family=family, seed=config.seed))
    return shards


def _network_shard(
    config: TrainingConfig, number: int, replicas: int, shape: tuple[int, ...], n_classes: int
) -> ShardSpec:
    images = len(shape) == 4
    network = config.network
    if network == "auto":
        network = "cnn" if images else "mlp"
    if (network == "cnn") != images:
        reads = "images without an encoder" if network == "cnn" else "vectors"
        raise BadInput(f"The network {network} reads {reads}; the inputs here are not such.")
    batch = config.batch_size or _batch_size(shape[0], replicas * n_classes)
    return ShardSpec(
        number=number,
        family="network",
        seed=config.seed + 1000 * number,
        objective=config.objective,
        options=resolve_options(config.objective, config.objective_options),
        network=network,
        replicas=replicas,
        epochs=config.epochs or _epochs(shape, batch),
        hidden=config.hidden or HIDDEN,
        batch_size=batch,
        learning_rate=config.learning_rate * (batch / 256) ** 0.5,
        weight_decay=config.weight_decay,
    )


def _fine_tuned_shard(
    config: TrainingConfig, number: int, replicas: int, n_samples: int, encoder: str | None
) -> ShardSpec:
    if not encoder:
        raise BadInput("The network fine_tuned trains an encoder: name one.")
    batch = config.batch_size or FINE_TUNING.batch_size
    steps = -(-n_samples // batch)
    return ShardSpec(
        number=number,
        family="network",
        seed=config.seed + 1000 * number,
        objective=config.objective,
        options=resolve_options(config.objective, config.objective_options),
        network="fine_tuned",
        encoder=encoder,
        replicas=replicas,
        epochs=config.epochs
        or min(FINE_TUNING.max_epochs, max(FINE_TUNING.min_epochs, FINE_TUNING.steps // steps)),
        batch_size=batch,
        learning_rate=config.learning_rate * (batch / 256) ** 0.5,
        weight_decay=config.weight_decay,
    )


def _epochs(shape: tuple[int, ...], batch: int) -> int:
    vectors = len(shape) == 2
    large = vectors and shape[0] > LARGE
    fewest, steps = (MIN_EPOCHS_LARGE, STEPS_LARGE) if large else (MIN_EPOCHS, STEPS)
    if vectors and shape[1] < FEW_FEATURES:
        steps = STEPS_FEW_FEATURES
    return max(fewest, -(-steps // -(-shape[0] // batch)))


def _suitable_families(shape: tuple[int, ...]) -> tuple[str, ...]:
    if len(shape) == 4:
        return ("network",)
    if shape[0] * shape[1] <= SMALL_TABLE:
        return ("network", "neighbours", "logistic", "trees")
    return ("network", "neighbours")


def _batch_size(n_samples: int, outputs: int) -> int:
    """A power of two that gives an epoch about 32 steps, within the bounds of memory."""
    wanted = 1 << max(0, (n_samples // 32).bit_length() - 1)
    return max(2, min(1024, max(16, wanted), LOGIT_BUDGET // outputs))
