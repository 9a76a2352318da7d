"""Stages of a network: which layers belong together, how far each is from the head, which are to stay as they are.

A stage is known by the beginning of its layers' names: up to the first part that holds a digit where there is one
(`layer1` of `layer1.0.conv1`, `_blocks.3` of `_blocks.3._bn0`), else the whole name. Batch norms whose names say
nothing of the kind belong to the layer that they follow (`bn1` to `conv1`). So a ResNet has the stages conv1, layer1 to
layer4 and fc; of a network without dotted names, each convolution and dense layer is one.
"""

from collections.abc import Iterable

from eyebright.network import BatchNorm, LayerNorm, Network, Place
from eyebright.system import text
from eyebright.system.errors import SettingsError


def stages(network: Network) -> dict[str, tuple[str, ...]]:
    """The layers that have weights, by the name of their stage, from the input to the output."""
    found: dict[str, list[str]] = {}
    for name, place in network.places.items():
        if place.tensors:
            found.setdefault(_beginning(name), []).append(name)
    joined: dict[str, list[str]] = {}
    for stage, layers in found.items():
        begins = not joined or any(decaying(network.places[name]) for name in layers)
        joined.setdefault(stage if begins else next(reversed(joined)), []).extend(layers)
    return {stage: tuple(layers) for stage, layers in joined.items()}


def rate_factors(network: Network, stage_decay: float) -> dict[str, float]:
    """What the learning rate of each layer is multiplied by: 1 in the last stage, `stage_decay` in the one before."""
    return {
        name: stage_decay**distance
        for distance, layers in enumerate(reversed(stages(network).values()))
        for name in layers
    }


def frozen_layers(network: Network, names: Iterable[str]) -> frozenset[str]:
    """The layers with weights that the names stand for: a stage, a layer, or the beginning of names up to a dot.

    Raises:
        SettingsError: When a name stands for nothing that has weights (the nearest is named), or nothing that learns is
            left.
    """
    by_stage = stages(network)
    layers = [name for name, place in network.places.items() if place.tensors]
    found: set[str] = set()
    for given in names:
        meant = by_stage.get(given) or [name for name in layers if f"{name}.".startswith(f"{given}.")]
        if given in network.places and given not in layers:
            raise SettingsError(
                f"frozen: the layer {given!r} is a {type(network.layer(given)).__name__}, without weights"
            )
        if not meant:
            known = sorted({*by_stage, *layers, *(part for name in layers for part in _beginnings(name))})
            raise SettingsError(f"frozen: there is no layer or stage {given!r}: {text.nearest(given, known)}")
        found.update(meant)
    if found and not any(place.parameters for name, place in network.places.items() if name not in found):
        raise SettingsError(f"frozen: {', '.join(names)} leaves nothing to learn; leave out the last layer at least")
    return frozenset(found)


def decaying(place: Place) -> tuple[str, ...]:
    """Tensors of a layer that weight decay is for: kernels and matrices, not biases, and nothing of a norm."""
    if isinstance(place.layer, BatchNorm | LayerNorm):
        return ()
    return tuple(key for key, parameter in place.parameters.items() if len(parameter.shape) >= 2)


def _beginning(name: str) -> str:
    """The name up to the first part with a digit."""
    return next((part for part in _beginnings(name) if any(map(str.isdigit, part))), name)


def _beginnings(name: str) -> list[str]:
    """`a.b.c`: `a`, `a.b`, `a.b.c`."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
