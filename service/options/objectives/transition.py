"""Losses with a noise matrix `T[i, j] = P(given j | true i)`: given, estimated, or learned."""

from collections.abc import Mapping

from service.options.objectives.option import ObjectiveSpec, Option, OptionValue

_SOURCE = (
    Option("noise_matrix", None, "T as a list of rows, one for each true class, each summing to 1; "
           "classes in the dataset's order", "ours"),
    Option("matrix_source", "confident_joint", "where T comes from: the confident joint, confident "
           "samples of each class (anchors), maximum likelihood (em), or noise_matrix as given",
           "ours", choices=("confident_joint", "anchors", "em", "given")),
    Option("warm_up", 0.2, "share of the epochs that train with cross entropy first; T is "
           "estimated at their end (with a given T: 0 epochs)", "ours", 0.05, 0.95),
    Option("again", 0.5, "share of the epochs after which T is estimated once more; at most "
           "warm_up: never", "ours", 0.0, 0.95),
)  # fmt: skip
_UNLOCK = Option(
    "frozen", 0.3, "share of the epochs that the noise model stays at its start", "ours", 0.0, 1.0
)
_RATE = Option(
    "rate", 1.0, "learning rate of the noise model as a multiple of the network's", "ours", 0, 100
)
_AGAIN = Option(
    "again", 0.5, "share of the epochs after which the noise model starts once more from how the "
    "network's predictions stand to the given labels; at most frozen: never", "ours", 0.0, 0.95,
)  # fmt: skip
_CONFIDENCE = Option(
    "confidence", 0.9, "without frozen epochs: the probability that the noise model's start leaves "
    "a certain prediction",
    "ours", 0.5, 0.9999,
)  # fmt: skip

SPECS = (
    ObjectiveSpec(
        name="forward",
        title="Forward correction",
        paper="Patrini et al., CVPR 2017, https://arxiv.org/abs/1609.03683",
        use_when="Labels confused in a systematic way that a matrix describes; the safe choice.",
        options=(
            *_SOURCE,
            Option("transposed", False, "read T as columns = true class, the literal form "
                   "-log(y' T s) of the older note; right only for a symmetric T", "ours"),
        ),
    ),
    ObjectiveSpec(
        name="backward",
        title="Backward correction",
        paper="Patrini et al., CVPR 2017, https://arxiv.org/abs/1609.03683",
        use_when="Unbiased with a known, well-conditioned T; noisy otherwise, prefer forward.",
        options=_SOURCE,
    ),
    ObjectiveSpec(
        name="soft_noise",
        title="Soft labels from the noise matrix",
        paper="soft targets M[y] with M = T, its inverse, or the posterior P(true | given)",
        use_when="posterior: each label becomes a distribution over what it may have been.",
        options=(
            Option("matrix_kind", "posterior", "noise: T itself; inverse: backward correction; "
                   "posterior: P(true = i | given = j)",
                   "ours", choices=("noise", "inverse", "posterior")),
            *_SOURCE,
        ),
    ),
    ObjectiveSpec(
        name="noise_layer",
        title="Learned noise layer",
        paper="Sukhbaatar et al., ICLR 2015 workshop, https://arxiv.org/abs/1406.2080; softmax "
              "form: Goldberger and Ben-Reuven, ICLR 2017",
        use_when="Systematic confusion that nobody can state; shows the matrix it learned.",
        options=(
            Option("form", "projected", "projected: T clipped and renormalised after each step; "
                   "softmax: rows are a softmax, started from the network's confusion",
                   "paper", choices=("projected", "softmax")),
            Option("lambda_trace", 0.01, "weight of the trace of T, which pulls noise into T",
                   "ours", 0.0, 10.0),
            Option("weight_decay", 0.0, "ridge on the noise layer's weights", "ours", 0.0, 10.0),
            Option("frozen", 0.1, "share of the epochs that T stays at its start; .3 with softmax",
                   "ours", 0.0, 1.0),
            Option("again", 0.5, "with softmax: share of the epochs after which T starts once more "
                   "from the network's confusion; at most frozen: never", "ours", 0.0, 0.95),
            Option("rate", 10.0, "learning rate of T as a multiple of the network's; 1 with "
                   "softmax", "ours", 0.0, 100.0),
            Option("outliers", False, "add a class for samples of no class; T stays fixed",
                   "paper"),
            Option("outlier_alpha", 0.1, "share of the outliers that are labelled as such",
                   "ours", 0.0, 0.99),
        ),
        defaults_with={("form", "softmax"): {"frozen": 0.3, "rate": 1.0}},
    ),
    ObjectiveSpec(
        name="dropout_noise_layer",
        title="Dropout-regularised noise layer",
        paper="Jindal, Nokleby and Chen, ICDM 2016, https://arxiv.org/abs/1705.03419",
        use_when="As noise_layer, when the learned matrix itself over-fits.",
        options=(
            Option("dropout", 0.1, "share of the noise layer's outputs dropped",
                   "authors' code", 0.0, 0.9),
            Option("drop", "output", "what is dropped: outputs of the layer, or its weights",
                   "authors' code", choices=("output", "weight")),
            _UNLOCK,
            _AGAIN,
            _CONFIDENCE,
            _RATE,
        ),
    ),
    ObjectiveSpec(
        name="nnaqc",
        title="Nonlinear noise-aware quasi-clustering",
        paper="Jindal et al., CVPR workshops 2019; every default is ours",
        use_when="Heavy noise: the given label and the network's own clustering share the work.",
        options=(
            Option("alpha", 0.7, "weight of the noise-model loss against quasi-clustering",
                   "ours", 0.0, 1.0),
            Option("beta", 0.3, "share of the prediction in the clustering target",
                   "ours", 0.0, 1.0),
            Option("beta_ramp", 0.2, "share of the epochs over which beta rises from 0",
                   "ours", 0.0, 1.0),
            Option("detach_target", False, "let no gradient flow through the target", "ours"),
            _UNLOCK,
            _AGAIN,
            _CONFIDENCE,
            Option("pull", 1e-3, "weight of the squared distance of the noise model to its start",
                   "ours", 0.0, 10.0),
            _RATE,
        ),
    ),
    ObjectiveSpec(
        name="instance_transition",
        title="Noise that depends on the sample",
        paper="T(x) = softmax(V0 + sum_r a_r(h(x)) V_r), after the idea of Xia et al., NeurIPS "
              "2020, https://arxiv.org/abs/2006.07836",
        use_when="Some kinds of samples are labelled worse than others and many are available.",
        options=(
            *_SOURCE,
            Option("parts", 4, "how many directions V_r T may vary in", "ours", 1, 16),
            Option("lambda_mixture", 1e-2, "weight of |a(h)|^2", "ours", 0.0, 10.0),
            Option("mu_distance", 0.1, "weight of the squared distance of T(x) to T",
                   "ours", 0.0, 100.0),
            Option("rate", 1.0, "learning rate of T(x) as a multiple of the network's",
                   "ours", 0.0, 100.0),
        ),
    ),
)  # fmt: skip


def check_sources(options: Mapping[str, OptionValue]) -> None:
    """Raises ValueError where `noise_matrix` and `matrix_source` contradict each other."""
    if "noise_matrix" not in options:
        return
    given, source = options["noise_matrix"] is not None, options["matrix_source"]
    if given and source != "given":
        raise ValueError(f"noise_matrix is given, but matrix_source is {source}")
    if not given and source == "given":
        raise ValueError("matrix_source is given, but there is no noise_matrix")
