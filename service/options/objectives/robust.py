"""Losses that wrong labels pull less, without a model of the noise."""

from service.options.objectives.option import ObjectiveSpec, Option

_WARM_UP = Option(
    "warm_up", 0.1, "share of the epochs that train with cross entropy first", "ours", 0.0, 1.0
)

SPECS = (
    ObjectiveSpec(
        name="cross_entropy",
        title="Cross entropy",
        paper="the maximum-likelihood baseline",
        use_when="Noise is low, or calibrated probabilities matter more than robustness.",
    ),
    ObjectiveSpec(
        name="gce",
        title="Generalized cross entropy",
        paper="Zhang and Sabuncu, NeurIPS 2018, https://arxiv.org/abs/1805.07836",
        use_when="The default: resists memorising wrong labels at little cost to the fit.",
        options=(
            Option("q", 0.7, "0 is cross entropy, 1 is half the mean absolute error",
                   "paper", 0.0, 1.0),
            Option("warm_up", 0.0, "share of the epochs over which q rises from 0; 0 is the paper",
                   "ours", 0.0, 1.0),
        ),
    ),
    ObjectiveSpec(
        name="mae",
        title="Mean absolute error",
        paper="Ghosh, Kumar and Sastry, AAAI 2017, https://arxiv.org/abs/1712.09482",
        use_when="Much uniform noise and few classes; it fits slowly, so allow more epochs.",
        options=(_WARM_UP,),
    ),
    ObjectiveSpec(
        name="mse",
        title="Mean squared error (Brier score)",
        paper="Ghosh, Kumar and Sastry, AAAI 2017, https://arxiv.org/abs/1712.09482",
        use_when="Moderate noise: between cross entropy and mean absolute error, easy to fit.",
        options=(
            Option("warm_up", 0.0, "share of the epochs that train with cross entropy first",
                   "ours", 0.0, 1.0),
        ),
    ),
    ObjectiveSpec(
        name="ramp",
        title="Ramp loss",
        paper="Collobert et al., ICML 2006; in noise: Ghosh, Manwani and Sastry, 2015; "
              "van Rooyen, Menon and Williamson, NeurIPS 2015",
        use_when="Outliers: a sample far on the wrong side pulls no more at all.",
        options=(
            Option("form", "one_vs_rest", "one_vs_rest: margins +-1 against every class; "
                   "target_only: the given class's margin alone, as in Patrini's comparison",
                   "ours", choices=("one_vs_rest", "target_only")),
            _WARM_UP,
        ),
    ),
    ObjectiveSpec(
        name="unhinged",
        title="Unhinged loss",
        paper="van Rooyen, Menon and Williamson, NeurIPS 2015, https://arxiv.org/abs/1505.07634",
        use_when="Uniform noise: it is exactly symmetric; its logits are bounded, or it diverges.",
        options=(
            Option("form", "one_vs_rest", "one_vs_rest: margins +-1 against every class; "
                   "target_only: 1 - f_y / C, as in Patrini's comparison",
                   "ours", choices=("one_vs_rest", "target_only")),
            Option("warm_up", 0.0, "share of the epochs that train with cross entropy first",
                   "ours", 0.0, 1.0),
        ),
    ),
    ObjectiveSpec(
        name="sce",
        title="Symmetric cross entropy",
        paper="Wang et al., ICCV 2019, https://arxiv.org/abs/1908.06112",
        use_when="Noise with hard classes that plain robust losses under-fit.",
        options=(
            Option("alpha", 0.1, "weight of cross entropy", "paper", 0.0, 100.0),
            Option("beta", 1.0, "weight of reverse cross entropy", "paper", 0.0, 100.0),
            Option("log_zero", -4.0, "what log 0 is read as in reverse cross entropy",
                   "paper", -20.0, 0.0),
        ),
    ),
    ObjectiveSpec(
        name="bootstrap",
        title="Bootstrapping",
        paper="Reed et al., ICLR 2015 workshop, https://arxiv.org/abs/1412.6596",
        use_when="Light noise: the network's own prediction gets a share in the target.",
        options=(
            Option("mode", "soft", "soft: the predicted distribution; hard: its largest class",
                   "paper", choices=("soft", "hard")),
            Option("beta", 0.95, "share of the given label (the paper: .95 soft, .8 hard)",
                   "paper", 0.0, 1.0),
        ),
    ),
    ObjectiveSpec(
        name="warp",
        title="Weighted approximate-rank pairwise loss",
        paper="Weston, Bengio and Usunier, IJCAI 2011 (WSABIE)",
        use_when="Very many classes, where being near the top counts for something.",
        options=(
            Option("mode", "exact", "exact: every violating class; sampled: draw classes until one "
                   "violates, the paper's algorithm 1", "ours", choices=("exact", "sampled")),
            Option("weights", "harmonic", "cost of rank k: harmonic sum_{j<=k} 1/j; mean k/(C-1); "
                   "top_one 1; log, LightFM's log k capped at 10",
                   "paper", choices=("harmonic", "mean", "top_one", "log")),
            Option("rank", "margin", "margin counts classes with 1 + f_i > f_y; plain f_i >= f_y",
                   "paper", choices=("margin", "plain")),
            Option("replacement", True, "sampled: whether a class may be drawn twice", "paper"),
        ),
    ),
)  # fmt: skip
