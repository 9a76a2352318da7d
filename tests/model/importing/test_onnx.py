import warnings

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from eyebright.model.engine import Engine, onnx_graph
from eyebright.model.importing.import_model import import_model
from eyebright.model.importing.onnx import onnx_network
from eyebright.network.torch import TorchNetwork
from eyebright.system.errors import ModelError


class Block(nn.Module):
    """A residual block with squeeze and excitation, as in timm."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(6, 6, 3, padding=1, groups=2, bias=False)
        self.bn = nn.BatchNorm2d(6)
        self.act = nn.Hardswish()
        self.reduce, self.expand = nn.Conv2d(6, 2, 1), nn.Conv2d(2, 6, 1)

    def forward(self, x):
        y = self.act(self.bn(self.conv(x)))
        gate = nn.functional.hardsigmoid(self.expand(nn.functional.silu(self.reduce(y.mean((2, 3), keepdim=True)))))
        return torch.cat([x + y * gate, x], 1)


@pytest.fixture(scope="module")
def network():
    """A small network of PyTorch with running statistics that matter."""
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(3, 6, 3, 2, 1),
        nn.ReLU6(),
        nn.MaxPool2d(3, 2, 1),
        Block(),
        nn.BatchNorm2d(12),
        nn.AdaptiveAvgPool2d(1),
    ]
    made = nn.Sequential(*layers, nn.Flatten(1), nn.Dropout(0.2), nn.Linear(12, 3)).eval()
    for name, values in made.named_buffers():
        if name.endswith("running_mean"):
            nn.init.normal_(values, std=0.3)
        elif name.endswith("running_var"):
            nn.init.uniform_(values, 0.5, 2)
    return made


@pytest.fixture(scope="module")
def file(network, tmp_path_factory):
    """The ONNX file that PyTorch's own exporter writes of it."""
    path = tmp_path_factory.mktemp("onnx") / "small.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network, torch.zeros(1, 3, 20, 16), path, dynamo=False, dynamic_axes={"x": {0: "n"}}, input_names=["x"]
        )
    return path


def test_a_network_of_pytorch_answers_as_there(network, file):
    images = np.random.default_rng(0).integers(0, 256, (4, 20, 16, 3), np.uint8)
    model = import_model(file, classes=["a", "b", "c"], scale="imagenet", resize="crop")
    scaled = (images / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    with torch.no_grad():
        logits = network(torch.tensor(scaled.transpose(0, 3, 1, 2), dtype=torch.float32))
    np.testing.assert_allclose(model.predict(images), logits.softmax(1).numpy(), atol=1e-5)
    assert np.ptp(logits.numpy()) > 0.1
    assert model.learned.imported.startswith("small.onnx (ONNX of pytorch 2")


class SamePadding(nn.Conv2d):
    """A convolution as in timm's `tf_` networks: its padding is computed from the size of the maps it is given."""

    def forward(self, x):
        pads = []
        for size, kernel, stride in zip(x.size()[-2:], self.kernel_size, self.stride, strict=True):
            total = torch.clamp(((size / stride).ceil() - 1) * stride + kernel - size, min=0)
            pads = [total // 2, total - total // 2, *pads]
        return nn.functional.conv2d(nn.functional.pad(x, pads), self.weight, self.bias, self.stride)


@pytest.mark.filterwarnings("ignore")
def test_a_padding_that_is_computed_in_the_graph(tmp_path):
    torch.manual_seed(0)
    network = nn.Sequential(SamePadding(3, 4, 3, 2), nn.ReLU(), SamePadding(4, 5, 5, (2, 1)), nn.Flatten()).eval()
    torch.onnx.export(
        network, torch.zeros(1, 3, 9, 8), tmp_path / "same.onnx", dynamo=False, dynamic_axes={"x": {0: "n"}},
        input_names=["x"],
    )  # fmt: skip
    found, weights, _ = onnx_network(tmp_path / "same.onnx")
    images, (first, _, second, _) = torch.randn(2, 3, 9, 8), network
    with torch.no_grad():
        maps = nn.functional.conv2d(nn.functional.pad(images, (0, 1, 1, 1)), first.weight, first.bias, 2).relu()
        expected = nn.functional.conv2d(maps, second.weight, second.bias, (2, 1), padding=2).flatten(1)
        np.testing.assert_allclose(TorchNetwork(found, weights).eval()(images), expected, atol=1e-6)
    assert expected.shape == (2, 5 * 3 * 4)  # half of 9 and of 8, rounded up; then half of 5, and 4


def test_layers_have_the_names_of_the_modules(file):
    found, weights, _ = onnx_network(file)
    assert {"0", "3.reduce", "3.expand", "8"} <= found.places.keys() and weights["8.weight"].shape == (3, 12)


def changed(path, tmp_path, change):
    model = onnx.load(path)
    change(model.graph)
    (tmp_path / "changed.onnx").write_bytes(model.SerializeToString())
    return tmp_path / "changed.onnx"


def two_inputs(graph):
    graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))


def other_shape(graph):
    graph.initializer[0].dims[0] = 10**9


def unknown_input(graph):
    graph.node[3].input[0] = "none"


def any_size(graph):
    for axis in (2, 3):
        graph.input[0].type.tensor_type.shape.dim[axis].Clear()


def vectors(graph):
    del graph.input[0].type.tensor_type.shape.dim[2:]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (two_inputs, "2 inputs and 1 outputs: only models with one of each"),
        (other_shape, "its graph cannot be understood"),
        (unknown_input, "reads 'none', which no node before it gives"),
        (any_size, "images of any size: choose one, as in --size 224"),
        (vectors, r"expected a graph that takes images \(N, channels, height, width\)"),
    ],
)
def test_a_graph_that_does_not_fit_is_refused(file, tmp_path, change, message):
    with pytest.raises(ModelError, match=message):
        onnx_network(changed(file, tmp_path, change))


def test_a_graph_for_any_size_takes_the_one_that_is_given(file, tmp_path):
    found, weights, _ = onnx_network(changed(file, tmp_path, any_size), (24, 12))
    assert found.input_shape == (3, 24, 12)
    images = np.zeros((1, 24, 12, 3), np.uint8)
    assert Engine.of_bytes(onnx_graph(found, weights))(images).shape == (1, 3)


def test_altered_files_give_a_reason_and_nothing_else(file, tmp_path):
    whole, stream, outcomes = file.read_bytes(), np.random.default_rng(0), set()
    for _ in range(200):
        altered = bytearray(whole)
        for place in stream.integers(len(whole), size=2):
            altered[place] = stream.integers(256)
        (tmp_path / "b.onnx").write_bytes(altered)
        try:
            onnx_network(tmp_path / "b.onnx")
            outcomes.add("read")
        except ModelError:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(ModelError, match=r"a\.onnx does not exist"):
        import_model(tmp_path / "a.onnx")
