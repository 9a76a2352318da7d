"""The examples in the documents run, and links between them lead somewhere."""

import re
from pathlib import Path

import numpy as np
import pytest

from eyebright.network import Network

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(path.relative_to(ROOT) for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])


def blocks(document: str) -> str:
    return "\n".join(re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(encoding="utf-8"), re.DOTALL))


def test_the_networks_of_the_guide_can_be_built(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(blocks("docs/networks.md"), names)
    network = Network.from_json((tmp_path / "net.json").read_text())
    assert network.parameter_count == 27_011  # as the guide says: 32 * (3 * 5 * 5 + 1) + 3 * (32 * 16 * 16 + 1)


def test_a_layer_of_ones_own_runs_everywhere():
    import onnx.reference
    import torch

    from eyebright.modules import TorchNetwork
    from eyebright.network import Input, Layer, Network, initial_weights
    from eyebright.network.onnx import to_onnx

    names: dict[str, object] = {}
    try:
        exec(blocks("ARCHITECTURE.md"), names)
        network = Network.sequential(Input((4,)), names["Sigmoid"]())
        assert Network.from_json(network.to_json()) == network
        values = np.linspace(-3, 3, 8, dtype=np.float32).reshape(2, 4)
        expected = 1 / (1 + np.exp(-values))
        graph = onnx.reference.ReferenceEvaluator(to_onnx(network, initial_weights(network)))
        assert graph.run(None, {"input_1": values})[0] == pytest.approx(expected, abs=1e-6)
        assert TorchNetwork(network, {})(torch.from_numpy(values)).numpy() == pytest.approx(expected, abs=1e-6)
    finally:
        Layer.kinds.pop("Sigmoid", None)


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_links_between_documents_lead_somewhere(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", text):
        assert (ROOT / document.parent / target).exists(), target
