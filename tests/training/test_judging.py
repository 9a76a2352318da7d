import numpy as np
import pytest

from eyebright.modules import TorchNetwork
from eyebright.training.judging import judge, predict_logits
from eyebright.training.material import Feed


def test_loss_and_accuracy_are_those_of_the_formulas(job):
    score = judge(TorchNetwork(job.network, job.weights), Feed(job.material, job.settings, 3), "float32")
    validation = job.material.validation
    logits = predict_logits(job.network, job.weights, job.material.pack, validation).astype(np.float64)
    labels = job.material.labels[validation]
    right = np.exp(logits)[np.arange(len(labels)), labels] / np.exp(logits).sum(axis=1)
    assert score.loss == pytest.approx(-np.log(right).mean(), rel=1e-5)
    assert score.accuracy == np.mean(logits.argmax(axis=1) == labels)
