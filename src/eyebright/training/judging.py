"""What a network gives for pictures that it does not learn from at that moment."""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from eyebright import machine
from eyebright.datasets import Pack, ahead, batches
from eyebright.evaluation import log_softmax
from eyebright.modules import TorchNetwork, as_input
from eyebright.network import Network, Weights
from eyebright.network.rewrites import faster
from eyebright.training import device, precision
from eyebright.training.material import Feed
from eyebright.training.step import torch_set_up


class Score(NamedTuple):
    """Mean loss and accuracy."""

    loss: float
    accuracy: float


def judge(module: TorchNetwork, feed: Feed, chosen: precision.Chosen, at: torch.device = device.CPU) -> Score:
    """How good a network is on the validation pictures, in the precision of the training and where it is trained."""
    module.eval()
    loss, correct, count = 0.0, 0, len(feed.material.validation)
    with torch.no_grad(), device.autocast(chosen, at):
        for pictures, labels in feed.plain(feed.material.validation):
            logits = log_softmax(module(pictures.to(at)).float().cpu().numpy())
            loss -= float(logits[np.arange(len(labels)), labels].sum())
            correct += int((logits.argmax(axis=1) == labels.numpy()).sum())
    return Score(loss / count, correct / count)


def predict_logits(network: Network, weights: Weights, pack: Pack, indices: NDArray[np.int64]) -> NDArray[np.float32]:
    """What a network gives, in float32, for pictures of a pack: `(n, classes)`."""
    with torch_set_up(machine.cores()):
        module = TorchNetwork(faster(network), weights).eval()
        with torch.no_grad():
            labels = np.zeros(len(pack.rows), np.int64)
            parts = [module(as_input(batch.pictures)).numpy() for batch in ahead(batches(pack, labels, indices, 64))]
    return np.concatenate(parts) if parts else np.empty((0, *network.output_shape), np.float32)
