"""The classifier as an ONNX graph: what it reads in, calibrated probabilities out.

Built node by node, which needs neither a tracer nor torch: the networks are a handful of nodes.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from labelaudit.schemas.model_description import ModelDescription
from service.inference.head import Floats

OPSET, IR_VERSION = 17, 8  # what runtimes since 2022 read


class _Graph:
    """Nodes in a row: each reads what the one before it gave."""

    def __init__(self, first: str) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.last = first

    def add(self, operator: str, *constants: NDArray[np.float32], **attributes: Any) -> None:
        inputs = [self.last]
        for array in constants:
            inputs.append(f"constant{len(self.constants)}")
            self.constants.append(numpy_helper.from_array(array, inputs[-1]))
        self.last = f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [self.last], **attributes))


def write_onnx(model: ModelDescription, weights: dict[str, Floats], path: Path) -> None:
    """Input `vectors` (n, D) float32 as the encoder gives them, or `pixels` (n, channels, H, W)
    uint8; output `probabilities` (n, C) float32. Class names and threshold are in the metadata."""
    pixels = model.network == "cnn"
    name, element = ("pixels", TensorProto.UINT8) if pixels else ("vectors", TensorProto.FLOAT)
    graph = _Graph(name)
    if pixels:
        _add_convolutions(graph, weights)
    else:
        graph.add("Sub", weights["input.mean"])
        graph.add("Mul", weights["input.factor"])
    if "hidden.weight" in weights:
        graph.add("Gemm", weights["hidden.weight"], weights["hidden.bias"])
        graph.add("Relu")
    colder = np.float32(1.0 / model.temperature)
    graph.add("Gemm", weights["output.weight"] * colder, weights["output.bias"] * colder)
    graph.add("Softmax", axis=1)
    graph.nodes[-1].output[0] = "probabilities"
    made = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "labelaudit",
            [helper.make_tensor_value_info(name, element, ["n", *model.input_shape])],
            [
                helper.make_tensor_value_info(
                    "probabilities", TensorProto.FLOAT, ["n", len(model.class_names)]
                )
            ],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="labelaudit",
    )
    helper.set_model_props(
        made,
        {
            "class_names": json.dumps(model.class_names),
            "threshold": json.dumps(model.threshold),
            "encoder": json.dumps(model.encoder.model_dump()),
            "audit_id": model.audit_id,
        },
    )
    onnx.checker.check_model(made, full_check=True)
    path.write_bytes(made.SerializeToString(deterministic=True))


def _add_convolutions(graph: _Graph, weights: dict[str, Floats]) -> None:
    graph.add("Cast", to=TensorProto.FLOAT)
    graph.add("Div", np.array(127.5, np.float32))
    graph.add("Sub", np.array(1.0, np.float32))
    channels = weights["conv0.weight"].shape[1]
    for number in range(sum(name.startswith("conv") for name in weights) // 2):
        kernel = weights[f"conv{number}.weight"]
        graph.add(
            "Conv",
            kernel,
            weights[f"conv{number}.bias"],
            pads=[1, 1, 1, 1],
            group=channels // kernel.shape[1],
        )
        graph.add("Relu")
        graph.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
        channels = kernel.shape[0]
    graph.add("GlobalAveragePool")
    graph.add("Flatten")
