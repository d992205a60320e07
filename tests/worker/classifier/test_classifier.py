"""The model that an audit ends with: cleaned labels, calibration, one network out of eight."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from sklearn.datasets import load_digits

from labelaudit.schemas.model_description import (
    Answered,
    EncoderUsed,
    LabelCounts,
    Measured,
    ModelDescription,
)
from service.inference import head
from service.inference.head import (
    ONNX,
    head_logits,
    read_weights,
    softmax,
    write_weights,
)
from service.options.training import TrainingConfig
from service.ranking import TierCode
from worker.classifier.calibration import (
    HOTTEST,
    TARGET_ACCURACY,
    calibrate,
    choose_threshold,
    fit_temperature,
    lower_bound,
)
from worker.classifier.fit import (
    REPLICAS,
    cnn_logits,
    fit,
    merge,
    plan_classifier,
)
from worker.classifier.graph import write_onnx
from worker.classifier.labels import Judgement, clean
from worker.training.loop import holdout_masks
from worker.training.networks import NETWORKS

NONE, POSSIBLE, OBVIOUS = TierCode
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def judgement(tier, suggested=None, confidence=None, p_wrong=None, decided=()) -> Judgement:
    n = len(tier)
    return Judgement(
        tier=np.array(tier, np.int8),
        suggested=np.full(n, -1) if suggested is None else np.array(suggested),
        suggested_confidence=np.zeros(n) if confidence is None else np.array(confidence),
        p_wrong=np.zeros(n) if p_wrong is None else np.array(p_wrong),
        decided=np.isin(np.arange(n), decided),
    )


def description(network: str, shape: tuple[int, ...], classes: int, **changes) -> ModelDescription:
    nothing = {"samples": 0, "weight": 0.0, "accuracy": None, "accuracy_low": None}
    counts = {"given": 0, "doubtful": 0, "suggested": 0, "decided": 0, "left_out": 0}
    return ModelDescription(
        **{
            "audit_id": "au_1",
            "dataset_id": "ds_1",
            "dataset_version": 0,
            "kind": "vector",
            "class_names": [f"class {number}" for number in range(classes)],
            "encoder": EncoderUsed(name="identity", version=1),
            "table": None,
            "network": network,
            "input_shape": list(shape),
            "replicas": REPLICAS,
            "temperature": 1.7,
            "threshold": 0.6,
            "target_accuracy": TARGET_ACCURACY,
            "held_out": Measured(**nothing),
            "answered": Answered(**nothing, share=0.0),
            "trained_on": LabelCounts(**counts, classes={}),
            **changes,
        }
    )


def test_a_description_of_the_first_schema_is_read():
    stored = description("cnn", (3, 28, 28), 2, schema_version=1).model_dump() | {"network": "full"}
    assert ModelDescription.model_validate(stored).network == "fine_tuned"


# ------------------------------------------------------------------------------------------- labels


def test_suspects_are_replaced_weighted_or_left_out_by_their_tier():
    labels = np.array([0, 1, 2, 0])
    found = clean(
        labels,
        judgement(
            [NONE, POSSIBLE, OBVIOUS, OBVIOUS],
            suggested=[-1, 0, 1, -1],
            confidence=[0, 0.6, 0.9, 0],
            p_wrong=[0.1, 0.75, 0.99, 0.95],
        ),
        ["a", "b", "c"],
    )
    assert found.targets.tolist() == [0, 1, 1, 0]
    np.testing.assert_allclose(found.weights, [1.0, 0.25, 0.9, 0.0])
    np.testing.assert_allclose(found.judged, [1.0, 0.25, 0.0, 0.0])
    counts = found.counts
    assert (counts.given, counts.doubtful, counts.suggested, counts.left_out) == (1, 1, 1, 1)
    assert counts.classes == {"a": 1, "b": 2, "c": 0}


def test_what_a_person_decided_stands_whatever_the_machine_says():
    found = clean(
        np.array([0, 1]),
        judgement([OBVIOUS, POSSIBLE], suggested=[1, 0], p_wrong=[0.99, 0.8], decided=[0, 1]),
        ["a", "b"],
    )
    assert found.targets.tolist() == [0, 1]
    assert found.weights.tolist() == found.judged.tolist() == [1.0, 1.0]
    assert found.counts.decided == 2


# -------------------------------------------------------------------------------------- calibration


def test_the_temperature_that_blurred_the_logits_is_found_again():
    generator = np.random.default_rng(0)
    logits = generator.normal(scale=2.0, size=(20_000, 4))
    shares = softmax(logits, 1.0)
    drawn = (shares.cumsum(axis=1) > generator.random((len(shares), 1))).argmax(axis=1)
    weights = np.ones(len(drawn))
    assert fit_temperature(logits, drawn, weights) == pytest.approx(1.0, rel=0.03)
    assert fit_temperature(logits * 3.0, drawn, weights) == pytest.approx(3.0, rel=0.03)


def test_labels_that_contradict_every_logit_give_the_highest_temperature():
    logits = np.array([[5.0, 0.0], [0.0, 5.0]] * 10)
    assert fit_temperature(logits, np.array([1, 0] * 10), np.ones(20)) > 0.99 * HOTTEST


def test_the_threshold_is_the_lowest_that_keeps_the_target():
    confidence = np.linspace(0.99, 0.5, 100)
    right = np.ones(100, bool)
    right[50:] = np.arange(50) % 2 == 0  # half of the less confident are wrong
    threshold = choose_threshold(confidence, right, np.ones(100))
    kept = confidence >= threshold
    assert right[kept].mean() >= TARGET_ACCURACY
    more = confidence >= confidence[kept.sum() + 1]
    assert right[more].mean() < TARGET_ACCURACY


def test_a_model_that_is_good_enough_always_answers_and_a_hopeless_one_never_does():
    confidence, weights = np.linspace(0.9, 0.5, 40), np.ones(40)
    assert choose_threshold(confidence, np.ones(40, bool), weights) == 0.0
    assert choose_threshold(confidence, np.zeros(40, bool), weights) is None
    never = description("linear", (2,), 2, threshold=None)
    assert head.cannot_say(never, np.array([0.5, 1.0])).tolist() == [True, True]


def test_samples_of_equal_confidence_are_kept_together():
    right = np.array([True] * 30 + [False] * 10)
    assert choose_threshold(np.full(40, 0.8), right, np.ones(40)) is None


@pytest.mark.parametrize(
    ("right", "total", "bound"), [(59, 59, 0.9505), (95, 100, 0.8977), (0, 10, 0.0)]
)
def test_the_bound_is_clopper_and_pearsons(right, total, bound):
    assert lower_bound(right, total) == pytest.approx(bound, abs=1e-3)


def test_what_is_measured_took_no_part_in_choosing():
    generator = np.random.default_rng(1)
    logits, targets = generator.normal(size=(400, 3)), generator.integers(0, 3, 400)
    judged = np.ones(400)
    judged[:100] = 0.0
    found = calibrate(logits, targets, judged, seed=0)
    assert found.held_out.samples == 150
    changed = targets.copy()
    changed[:100] = (changed[:100] + 1) % 3
    assert calibrate(logits, changed, judged, seed=0) == found


def test_nothing_to_judge_by_is_said():
    found = calibrate(np.zeros((4, 2)), np.zeros(4, np.int64), np.zeros(4), seed=0)
    assert (found.temperature, found.threshold) == (1.0, None)
    assert found.held_out.accuracy is None


# ----------------------------------------------------------------------------------------- training


def test_each_sample_is_left_out_by_two_replicas_and_classes_are_spread_over_them():
    labels = np.repeat([0, 1], [16, 80])
    left_out = holdout_masks(labels, REPLICAS, 3)
    assert set(left_out.sum(axis=1)) == {2}
    for label, count in ((0, 4), (1, 20)):
        assert set(left_out[labels == label].sum(axis=0)) == {count}


@pytest.mark.parametrize("name", ["linear", "mlp"])
def test_one_network_gives_the_mean_of_the_replicas_logits(name):
    generator = torch.Generator().manual_seed(0)
    network = NETWORKS[name]((6,), 3, REPLICAS, generator)
    vectors = torch.randn((10, 6), generator=generator)
    plain = {"input.mean": np.zeros(6, np.float32), "input.factor": np.ones(6, np.float32)}
    wanted = network(vectors).mean(1).detach().numpy()
    found = head_logits(plain | merge(network), vectors.numpy())
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def settled_cnn() -> torch.nn.Module:
    generator = torch.Generator().manual_seed(0)
    network = NETWORKS["cnn"]((1, 28, 28), 3, REPLICAS, generator, width=4)
    with torch.no_grad():
        for scale, shift in zip(network.scales, network.shifts, strict=True):
            scale.uniform_(0.5, 2.0, generator=generator)
            shift.uniform_(-1.0, 1.0, generator=generator)
        network.update_bn([random_pixels(32, seed=4), random_pixels(32, seed=5)])
    return network


def random_pixels(count: int, *, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 1, 28, 28), generator=generator).to(torch.uint8)


def test_a_settled_convolutional_network_answers_alone_as_in_company():
    network, pixels = settled_cnn(), random_pixels(9, seed=6)
    with torch.inference_mode():
        wanted = network(pixels).mean(1).numpy()
        alone = network(pixels[:1]).mean(1).numpy()
    np.testing.assert_allclose(alone, wanted[:1], atol=1e-4)
    np.testing.assert_allclose(cnn_logits(merge(network), pixels.numpy()), wanted, atol=1e-4)


@pytest.fixture(scope="module")
def digits():
    """(train inputs, train labels, test inputs, test labels)"""
    data = load_digits()
    inputs, labels = data.data.astype(np.float32), data.target.astype(np.int64)
    return inputs[:1000], labels[:1000], inputs[1000:], labels[1000:]


def trained(inputs, labels, tier, suggested, *, epochs=12, **config):
    confidence = np.where(suggested >= 0, 0.95, 0.0)
    names = [str(number) for number in range(10)]
    cleaned = clean(labels, judgement(tier, suggested, confidence), names)
    spec = plan_classifier(TrainingConfig(epochs=epochs, **config), inputs.shape, 10)
    fitted = fit(spec, inputs, cleaned, 10, device=CPU, report=lambda _share: None)
    return cleaned, fitted


def accuracy(fitted, inputs, labels) -> float:
    return float((head_logits(fitted.weights, inputs).argmax(axis=1) == labels).mean())


@pytest.mark.slow
def test_cleaning_makes_the_model_better_and_what_is_promised_is_kept(digits):
    inputs, labels, others, truth = digits
    generator = np.random.default_rng(0)
    wrong = generator.random(len(labels)) < 0.3
    given = np.where(wrong, (labels + generator.integers(1, 10, len(labels))) % 10, labels)
    # Nine of ten wrong labels were found: one half with the right suggestion, one half without.
    found = wrong & (generator.random(len(labels)) < 0.9)
    suggested = np.where(found & (generator.random(len(labels)) < 0.5), labels, -1)
    tier = np.where(found, OBVIOUS, NONE)

    as_given = (np.zeros(len(labels)), np.full(len(labels), -1))
    _, noisy = trained(inputs, given, *as_given, epochs=60)
    cleaned, clean_one = trained(inputs, given, tier, suggested, epochs=60)
    assert accuracy(clean_one, others, truth) > accuracy(noisy, others, truth) + 0.02

    calibration = calibrate(clean_one.held_out, cleaned.targets, cleaned.judged, seed=0)
    assert calibration.held_out.accuracy_low <= accuracy(clean_one, others, truth)
    shares = softmax(head_logits(clean_one.weights, others), calibration.temperature)
    kept = shares.max(axis=1) >= calibration.threshold
    right = shares.argmax(axis=1) == truth
    assert right[kept].mean() >= calibration.answered.accuracy_low
    assert abs(shares.max(axis=1).mean() - right.mean()) < 0.08


def test_the_same_seed_gives_the_same_weights(digits):
    inputs, labels, _, _ = digits
    few = slice(0, 200)
    tier, suggested = np.zeros(200), np.full(200, -1)
    first, again, other = (
        trained(inputs[few], labels[few], tier, suggested, seed=seed)[1].weights
        for seed in (0, 0, 1)
    )
    assert first.keys() == again.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    assert (first["output.weight"] != other["output.weight"]).any()


# -------------------------------------------------------------------------------------------- files


def run_onnx(path: Path, **inputs) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(["probabilities"], inputs)[0]


@pytest.mark.parametrize("network", ["linear", "mlp"])
def test_the_onnx_graph_gives_the_calibrated_probabilities(network, digits, tmp_path):
    inputs, labels, others, _ = digits
    few = slice(0, 200)
    _, fitted = trained(
        inputs[few] * 100 + 1000,
        labels[few],
        np.zeros(200),
        np.full(200, -1),
        network=network,
        epochs=60,
    )
    model = description(network, (64,), 10)
    write_onnx(model, fitted.weights, tmp_path / ONNX)
    write_weights(fitted.weights, tmp_path)
    vectors = others * 100 + 1000
    wanted = softmax(head_logits(read_weights(tmp_path), vectors), model.temperature)
    found = run_onnx(tmp_path / ONNX, vectors=vectors)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert found.max() > 0.5


def test_the_onnx_graph_reads_pixels(tmp_path):
    weights, pixels = merge(settled_cnn()), random_pixels(5, seed=7).numpy()
    model = description("cnn", (1, 28, 28), 3)
    write_onnx(model, weights, tmp_path / ONNX)
    wanted = softmax(cnn_logits(weights, pixels), model.temperature)
    np.testing.assert_allclose(run_onnx(tmp_path / ONNX, pixels=pixels), wanted, atol=1e-4)


def test_the_onnx_graph_brings_what_its_output_means(tmp_path):
    weights = merge(settled_cnn())
    model = description("cnn", (1, 28, 28), 3)
    write_onnx(model, weights, tmp_path / ONNX)
    session = onnxruntime.InferenceSession(tmp_path / ONNX, providers=["CPUExecutionProvider"])
    told = session.get_modelmeta().custom_metadata_map
    assert json.loads(told["class_names"]) == model.class_names
    assert json.loads(told["threshold"]) == 0.6
