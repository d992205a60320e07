"""Objectives that remember what the network said of each sample, or choose samples by it."""

from service.options.objectives.option import ObjectiveSpec, Option

SPECS = (
    ObjectiveSpec(
        name="elr",
        title="Early-learning regularization",
        paper="Liu et al., NeurIPS 2020, https://arxiv.org/abs/2007.00151",
        use_when="Long training of flexible networks, which would memorise noise late.",
        options=(
            Option("weight", 3.0, "weight (lambda) of the regulariser",
                   "authors' code", 0.0, 100.0),
            Option("momentum", 0.7, "how slowly (beta) a sample's target follows its predictions",
                   "authors' code", 0.0, 1.0),
        ),
    ),
    ObjectiveSpec(
        name="joint_optimization",
        title="Joint optimization of network and labels",
        paper="Tanaka et al., CVPR 2018, https://arxiv.org/abs/1803.11364",
        use_when="The labels themselves are wanted: leaves a corrected distribution per sample.",
        options=(
            Option("labels", "soft", "relabel with distributions, or with their largest class",
                   "paper", choices=("soft", "hard")),
            Option("alpha", 1.2, "weight of the prior term, which stops one class taking all",
                   "paper", 0.0, 100.0),
            Option("beta", 0.8, "weight of the entropy term", "paper", 0.0, 100.0),
            Option("schedule", "scaled", "paper: first labels after epoch 70, means over 10 epochs "
                   "(with epochs = 320); scaled: 35 % and 5 % of the first stage (at least 3)",
                   "ours", choices=("scaled", "paper")),
            Option("prior", "auto", "share of each class: uniform, as given, or auto: uniform "
                   "unless the largest class has over 3 times the smallest",
                   "ours", choices=("auto", "uniform", "given")),
            Option("mean_momentum", 0.0, "smooths the batch's mean prediction; use .9 where "
                   "classes outnumber a batch", "ours", 0.0, 0.999),
            Option("second_stage", 0.375, "share of the epochs for a fresh network on the final "
                   "labels (paper: 120 of 320)", "paper", 0.0, 0.9),
        ),
    ),
    ObjectiveSpec(
        name="co_teaching",
        title="Co-teaching",
        paper="Han et al., NeurIPS 2018, https://arxiv.org/abs/1804.06872",
        use_when="The noise rate is roughly known: paired replicas teach each other small losses.",
        options=(
            Option("noise_rate", 0.2, "share of each batch that is finally excluded",
                   "ours", 0.0, 0.95),
            Option("ramp", 0.05, "share of the epochs over which that share rises from 0",
                   "paper", 0.0, 1.0),
        ),
    ),
)  # fmt: skip
