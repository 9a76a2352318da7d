"""One step, against plain torch and formulas."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from eyebright.network import (
    BatchNorm,
    Conv2d,
    Flatten,
    Input,
    LayerNorm,
    Linear,
    Network,
    ReLU,
    initial_weights,
    zoo,
)
from eyebright.training.schedule import Position
from eyebright.training.settings import AUGMENTATIONS, Settings
from eyebright.training.torch import hardware
from eyebright.training.torch.augment import augment
from eyebright.training.torch.learner import Learner
from eyebright.training.torch.mixing import mix
from eyebright.training.torch.objective import Classification

DENSE = Network.sequential(Input((12,)), Linear(8, name="first"), ReLU(), Linear(3, name="head"))
NORMED = Network.sequential(
    Input((3, 6, 6)), Conv2d(4, 3, name="conv"), BatchNorm(name="norm"), ReLU(), Conv2d(5, 3, name="other"),
    LayerNorm(name="layered"), Flatten(), Linear(3, name="head"),
)  # fmt: skip
LABELS = np.array([0, 0, 0, 0, 1, 2, 2, 1])
SGD = {"optimizer": "sgd", "weight_decay": 0.0}


def samples(network: Network, count: int = 8) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(1).normal(size=(count, *network.input_shape)).astype(np.float32))


def learner(network: Network = DENSE, **changes) -> Learner:
    settings = Settings().changed(changes)
    objective = Classification(LABELS, 3, settings, hardware.find(settings.device))
    made = Learner(network, initial_weights(network, 2), settings, objective)
    made.module.train()
    return made


def learn(made: Learner, steps: int = 1, rate: float = 0.1, parts: int = 1) -> dict[str, np.ndarray]:
    pictures, labels = samples(made.module.network), torch.from_numpy(LABELS)
    for step in range(steps):
        made.learn(zip(pictures.chunk(parts), labels.chunk(parts), strict=True), 8, step=step, rate=rate)
    return made.module.get_weights()


def plain_torch() -> nn.Sequential:
    weights = {name: torch.from_numpy(values) for name, values in initial_weights(DENSE, 2).items()}
    module = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))
    module.load_state_dict(
        {f"{place}.{key}": weights[f"{name}.{key}"] for place, name in ((0, "first"), (2, "head"))
         for key in ("weight", "bias")}
    )  # fmt: skip
    return module


@pytest.mark.parametrize("clip_norm", [0.0, 0.5])
@pytest.mark.parametrize(
    ("changes", "optimizer"),
    [
        ({"optimizer": "adamw", "weight_decay": 0.2}, lambda p: torch.optim.AdamW(p, lr=0.1, foreach=False)),
        ({"optimizer": "sgd", "momentum": 0.8, "weight_decay": 0.05},
         lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.8, nesterov=True, foreach=False)),
        ({"optimizer": "sgd", "momentum": 0.8, "nesterov": False, "weight_decay": 0.0},
         lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.8, foreach=False)),
        ({"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0}, lambda p: torch.optim.SGD(p, lr=0.1)),
    ],
)  # fmt: skip
def test_steps_are_those_of_plain_torch(changes, optimizer, clip_norm):
    module = plain_torch()
    weights, biases = [module[0].weight, module[2].weight], [module[0].bias, module[2].bias]
    groups = [{"params": weights, "weight_decay": changes["weight_decay"]}, {"params": biases, "weight_decay": 0}]
    plain = optimizer(groups)
    for _ in range(5):
        plain.zero_grad()
        functional.cross_entropy(module(samples(DENSE)), torch.from_numpy(LABELS), label_smoothing=0.1).backward()
        length = float(np.sqrt(sum((p.grad.numpy().astype(np.float64) ** 2).sum() for p in module.parameters())))
        if clip_norm and length > clip_norm:
            for parameter in module.parameters():
                parameter.grad *= clip_norm / length
        plain.step()
    found = learn(learner(clip_norm=clip_norm, **changes), 5)
    assert found["first.weight"] == pytest.approx(module[0].weight.detach().numpy(), abs=2e-6)
    assert found["head.bias"] == pytest.approx(module[2].bias.detach().numpy(), abs=2e-6)


@pytest.mark.parametrize("parts", [2, 3, 8])
def test_gradients_of_several_batches_make_the_step_of_one_large_batch(parts):
    """Three parts of eight pictures are not equal, and still every picture counts the same."""
    for changes in ({"clip_norm": 0.3}, {"class_weights": "balanced"}, SGD):
        whole, added = learn(learner(**changes), 4), learn(learner(**changes), 4, parts=parts)
        assert all(added[name] == pytest.approx(whole[name], abs=2e-5) for name in whole)


def test_a_rare_class_counts_more_and_the_mean_weight_is_one():
    made = learner(class_weights="balanced", label_smoothing=0.0)
    loss, logits = made.loss(samples(DENSE), torch.from_numpy(LABELS), "float32")
    values = logits.detach().cpu().numpy().astype(np.float64)
    by_picture = np.log(np.exp(values).sum(axis=1)) - values[np.arange(8), LABELS]
    weights = np.array([8 / (3 * 4), 8 / (3 * 2), 8 / (3 * 2)])[LABELS]
    assert loss.item() == pytest.approx((weights * by_picture).mean())
    assert weights.mean() == pytest.approx(1)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_weight_decay_shrinks_kernels_and_nothing_else(optimizer):
    """After one step the weights with and without it differ by rate times decay times weight, in kernels alone."""
    rate, decay, start = 0.01, 0.1, initial_weights(NORMED, 2)
    plain = learn(learner(NORMED, optimizer=optimizer, weight_decay=0.0, momentum=0.0), rate=rate)
    decayed = learn(learner(NORMED, optimizer=optimizer, weight_decay=decay, momentum=0.0), rate=rate)
    for name, values in plain.items():
        shrunk = name in ("conv.weight", "other.weight", "head.weight")
        expected = values - rate * decay * start[name] if shrunk else values
        assert decayed[name] == pytest.approx(expected, abs=1e-7), name


def test_stages_far_from_the_head_have_lower_rates():
    start = initial_weights(NORMED, 2)
    equal = learn(learner(NORMED, momentum=0.0, **SGD))
    slower = learn(learner(NORMED, momentum=0.0, stage_decay=0.5, **SGD))
    for layer, factor in (("head", 1), ("layered", 0.5), ("other", 0.5), ("norm", 0.25), ("conv", 0.25)):
        name = f"{layer}.weight"
        assert slower[name] - start[name] == pytest.approx(factor * (equal[name] - start[name]), abs=1e-6), layer


@pytest.mark.parametrize("changes", [{}, SGD, {"ema": 0.9, "clip_norm": 0.1}])
def test_frozen_weights_stay_bit_identical_and_the_others_change(changes):
    start = initial_weights(NORMED, 2)
    made = learner(NORMED, frozen=("conv",), **changes)
    found = learn(made, 3)
    for name, values in start.items():
        frozen = name.startswith(("conv.", "norm."))
        assert np.array_equal(found[name], values) == frozen, name
        assert np.array_equal(made.result.get_weights()[name], values) == frozen, name


def test_a_loss_that_is_not_finite_changes_nothing():
    for bad in (0, 1):
        made = learner(ema=0.9)
        before = learn(made)
        moments = [state["exp_avg"].clone() for state in made.optimizer.state.values()]
        pictures = list(samples(DENSE).chunk(2))
        pictures[bad] = pictures[bad] * np.inf
        learned = made.learn(zip(pictures, torch.from_numpy(LABELS).chunk(2), strict=True), 8, step=1, rate=0.1)
        assert not np.isfinite(learned.loss)
        assert all(np.array_equal(before[name], values) for name, values in made.module.get_weights().items())
        assert all(map(torch.equal, moments, (state["exp_avg"] for state in made.optimizer.state.values())))


def test_the_average_of_the_weights_is_the_result():
    made = learner(ema=0.5)
    first, start = learn(made), initial_weights(DENSE, 2)
    for name, values in made.result.get_weights().items():
        assert values == pytest.approx(0.1 * start[name] + 0.9 * first[name], abs=1e-6)
    assert learner().result is not made.result
    plain = learner()
    assert plain.result is plain.module


def test_validation_loss_and_accuracy_are_those_of_the_formulas():
    made = learner(label_smoothing=0.3)
    pictures, labels = samples(DENSE), torch.from_numpy(LABELS)
    score = made.validate(zip(pictures.split(3), labels.split(3), strict=True))
    logits = made.module(pictures.to(made.device)).detach().cpu().numpy().astype(np.float64)
    chances = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert score.loss == pytest.approx(-np.log(chances[np.arange(8), LABELS]).mean(), rel=1e-5)
    assert score.accuracy == np.mean(logits.argmax(axis=1) == LABELS)


@pytest.mark.parametrize("changes", [{"ema": 0.9}, {**SGD, "momentum": 0.8}, {**SGD, "momentum": 0.0}])
def test_a_learner_continues_from_a_state_to_the_same_weights(changes):
    """As a resumed training does, and the other ranks of a group."""
    first, second = learner(NORMED, **changes), learner(NORMED, **changes)
    learn(first, 3)
    second.restore(first.state(Position(step=3), {}))
    for made in (first, second):
        learn(made, 3)
    for one, other in ((first.module, second.module), (first.result, second.result)):
        expected, found = one.get_weights(), other.get_weights()
        assert all(np.array_equal(expected[name], found[name]) for name in expected)


def test_an_average_starts_at_the_weights_of_a_state_that_has_none():
    """As an older version wrote it, or a training without an average."""
    plain, made = learner(), learner(ema=0.9)
    weights = learn(plain, 2)
    made.restore(plain.state(Position(step=2), {}))
    assert all(np.array_equal(values, weights[name]) for name, values in made.result.get_weights().items())


def test_measuring_leaves_the_weights_as_they_are():
    made = learner(NORMED)
    before = made.module.get_weights()
    batch = samples(NORMED), torch.from_numpy(LABELS)
    assert made.seconds(*batch, 10.0) > 0
    assert all(np.array_equal(before[name], values) for name, values in made.module.get_weights().items())


@pytest.mark.parametrize(("device", "first"), [("cpu", 0), ("cuda", 1)])
def test_measuring_a_step_ends_in_time_on_a_busy_machine_and_leaves_out_how_a_gpu_is_set_up(device, first, monkeypatch):
    made, now, tries = learner(device="cpu"), 0.0, []
    made.device = torch.device(device)

    def slow(*batch: object) -> None:
        nonlocal now
        now += 4.0 if len(tries) >= first else 300.0
        tries.append(batch)

    monkeypatch.setattr(made, "_try", slow)
    monkeypatch.setattr("eyebright.training.torch.learner.time.perf_counter", lambda: now)
    for most_s, count in ((0.1, 1), (6.0, 2), (1000.0, 5)):
        tries.clear()
        assert made.seconds(samples(DENSE), torch.from_numpy(LABELS), most_s) == 4.0
        assert len(tries) == first + count


def test_what_rank_0_says_at_the_end_of_a_step_comes_with_its_result():
    batch = [(samples(DENSE), torch.from_numpy(LABELS))]
    made = learner()
    assert made.learn(batch, 8, step=0, rate=0.1).halt == 0
    assert made.learn(batch, 8, step=1, rate=0.1, halt=lambda: 2).halt == 2


@pytest.mark.parametrize("recipe", [{}, {"class_weights": "balanced"}, {"mixup": 0.4, "cutmix": 1.0, "erasing": 0.9}])
def test_nothing_of_a_step_is_made_on_another_device_or_waited_for(recipe, monkeypatch):
    """`meta` stands for a GPU: tensors of a processor beside its own are refused, and it has no values to wait for."""
    meta, keys = torch.device("meta"), np.arange(8, dtype=np.uint64)
    changes = {name: 0.1 for name in AUGMENTATIONS if name not in ("flip", "erasing", "mixup", "cutmix")}
    settings = Settings().changed(changes | recipe)
    monkeypatch.setattr(hardware, "find", lambda *wanted: meta)
    network = zoo.flowers_cnn(3, input_size=32)
    made = Learner(network, initial_weights(network, 1), settings, Classification(LABELS, 3, settings, meta))
    made.module.train()
    made.ahead = True
    monkeypatch.setattr(hardware, "autocast", lambda *precision: nullcontext())  # which `meta` does not know
    pictures = augment(torch.zeros(8, 3, 32, 32, device=meta), keys, settings, 1)
    batch = mix(pictures, torch.from_numpy(LABELS).to(meta), 3, keys, settings, 1)
    assert {tensor.device for tensor in batch} == {meta}
    assert made._gradients([batch], 8).device == meta
    assert all(parameter.grad is not None for parameter in made.parameters)


@pytest.mark.gpu
@pytest.mark.parametrize("recipe", [{}, SGD, {"ema": 0.5, "clip_norm": 0.5, "class_weights": "balanced"}])
def test_a_gpu_learns_what_a_processor_learns(recipe):
    """Dropout aside, whose random numbers are others."""
    network = Network.sequential(
        Input((3, 6, 6)), Conv2d(4, 3, bias=False), BatchNorm(), ReLU(), Flatten(), Linear(3)
    )  # without a bias before the norm, whose gradient is only rounding
    on_cpu, on_gpu = (learner(network, device=device, **recipe) for device in ("cpu", "cuda"))
    with hardware.torch_set_up(1):
        for made in (on_cpu, on_gpu):
            learn(made, 5, rate=0.01)
    for name, values in on_cpu.result.get_weights().items():
        assert on_gpu.result.get_weights()[name] == pytest.approx(values, abs=1e-4), name
