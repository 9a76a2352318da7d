"""Which weights a training ends with."""

import numpy as np
import pytest
from safetensors.numpy import load_file
from tests.training.torch.making import kill, nothing, same

from eyebright.network import initial_weights
from eyebright.training.events.event import Event
from eyebright.training.events.fitting import Blended, Stopped
from eyebright.training.torch.fit import fit, predict_logits


@pytest.fixture
def tuning(job):
    """A job that starts with little confidence and ends with much; every third validation label is wrong."""
    weights = dict(fit(*job, emit=nothing).weights)
    weights |= {name: 0.1 * weights[name] for name in ("dense_2.weight", "dense_2.bias")}
    labels, wrong = job.material.labels.copy(), job.material.validation[::3]
    labels[wrong] = (labels[wrong] + 1) % 3
    changes = {"keep_start_if_better": True, "epochs": 2, "learning_rate": 1e-3, "label_smoothing": 0.0}
    return job._replace(
        weights=weights, material=job.material._replace(labels=labels), settings=job.settings.changed(changes)
    )


def test_the_mean_of_the_start_and_an_epoch_is_kept_that_has_the_lowest_loss_and_no_lower_accuracy(tuning, tmp_path):
    """All candidates are measured again, by another way; the epoch's weights are those of the checkpoint."""
    events: list[Event] = []
    outcome = fit(*tuning, emit=events.append, checkpoint_folder=tmp_path)
    (blended,) = [event for event in events if isinstance(event, Blended)]
    (stopped,) = [event for event in events if isinstance(event, Stopped)]
    tuned = load_file(max(tmp_path.glob("0*")) / f"{'best' if stopped.best_epoch else 'weights'}.safetensors")
    truth, material = tuning.material.labels[tuning.material.validation], tuning.material
    found = {}
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        mean = {name: share * tuned[name] + (1 - share) * tuning.weights[name] for name in tuned}
        logits = predict_logits(tuning.network, mean, material.pack, material.validation).astype(np.float64)
        losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(truth)), truth]
        found[share] = losses.mean(), (logits.argmax(axis=1) == truth).mean()
    fine = {share: loss for share, (loss, accuracy) in found.items() if accuracy >= found[0.0][1]}
    assert blended.share == min(fine, key=fine.__getitem__)
    assert (blended.validation_loss, blended.validation_accuracy) == pytest.approx(found[blended.share], rel=1e-4)
    for name, value in outcome.weights.items():
        expected = tuning.weights[name] + blended.share * (tuned[name] - tuning.weights[name])
        assert np.allclose(value, expected, rtol=0, atol=1e-6), name


def test_a_mean_with_the_start_is_the_same_after_a_kill(tuning, tmp_path):
    tuning = tuning._replace(settings=tuning.settings.changed({"checkpoint_s": 0}))
    whole = fit(*tuning, emit=nothing)
    kill(tuning, tmp_path, 3)
    resumed = fit(*tuning._replace(weights=initial_weights(tuning.network, 6)), emit=nothing,
                  checkpoint_folder=tmp_path, resume=True)  # fmt: skip
    assert same(resumed.weights, whole.weights)
