"""Stages of a network: which layers belong together, how far they are from the head, which ones are frozen.

A stage is named by the start of its layers' names: up to the first part with a digit, if there is one (`layer1` of
`layer1.0.conv1`, `_blocks.3` of `_blocks.3._bn0`), otherwise the whole name. A stage that has only norms belongs to the
stage before it (`bn1` to `conv1`). So a ResNet has the stages conv1, layer1 to layer4 and fc; in a network without
dotted names, each convolution and dense layer is a stage.
"""

import math
from collections.abc import Iterable

from eyebright.network import BatchNorm, Dropout, LayerNorm, Network, Place
from eyebright.system import text
from eyebright.system.errors import SettingsError
from eyebright.training.settings import Settings


def stages(network: Network) -> dict[str, tuple[str, ...]]:
    """The names of the layers with weights, by the name of their stage, from the input to the output."""
    found: dict[str, list[str]] = {}
    for name, place in network.places.items():
        if place.tensors:
            found.setdefault(_start(name), []).append(name)
    joined: dict[str, list[str]] = {}
    for stage, layers in found.items():
        own = not joined or any(decaying(network.places[name]) for name in layers)
        joined.setdefault(stage if own else next(reversed(joined)), []).extend(layers)
    return {stage: tuple(layers) for stage, layers in joined.items()}


def rate_factors(network: Network, stage_decay: float) -> dict[str, float]:
    """A factor of the learning rate for each layer: 1 in the last stage, `stage_decay` in the one before, and so on."""
    return {
        name: stage_decay**distance
        for distance, layers in enumerate(reversed(stages(network).values()))
        for name in layers
    }


def frozen_layers(network: Network, names: Iterable[str]) -> frozenset[str]:
    """The layers with weights that the names mean: a stage, a layer, or the start of names up to a dot.

    Raises:
        SettingsError: When a name means no layer with weights (the error suggests the nearest one), or when nothing
            would be trained.
    """
    by_stage = stages(network)
    layers = [name for name, place in network.places.items() if place.tensors]
    found: set[str] = set()
    for given in names:
        meant = by_stage.get(given) or [name for name in layers if f"{name}.".startswith(f"{given}.")]
        if given in network.places and given not in layers:
            raise SettingsError(
                f"frozen: the layer {given!r} is a {type(network.layer(given)).__name__}, which has no weights"
            )
        if not meant:
            known = sorted({*by_stage, *layers, *(part for name in layers for part in _starts(name))})
            raise SettingsError(f"frozen: unknown layer or stage {given!r}: {text.nearest(given, known)}")
        found.update(meant)
    if found and not any(place.parameters for name, place in network.places.items() if name not in found):
        raise SettingsError(f"frozen: with {', '.join(names)} nothing would be trained: remove at least the last layer")
    return frozenset(found)


def settled_layers(network: Network, names: Iterable[str]) -> tuple[str, ...]:
    """The layers whose values no training changes, since only frozen ones lead to them, and that others read.

    From their values the rest of the network follows. There are none where no layer with weights is among what leads to
    them; errors as in `frozen_layers`.

    Args:
        network: The network.
        names: The frozen layers, as in `frozen_layers`.
    """
    frozen, settled = frozen_layers(network, names), {network.input}
    for name, place in network.places.items():
        own = name in frozen if place.tensors else not isinstance(place.layer, Dropout)
        if place.inputs and own and settled.issuperset(place.inputs):
            settled.add(name)
    read = {source for name, place in network.places.items() if name not in settled for source in place.inputs}
    return tuple(name for name in network.places if name in settled & read) if settled & frozen else ()


def require_batch(network: Network, settings: Settings, processes: int = 1) -> None:
    """Refuse batches in which a batch norm would see a single value of each channel.

    Args:
        network: The network.
        settings: The batch size, and which batch norms keep their statistics.
        processes: How many processes share each batch.

    Raises:
        SettingsError: With the layer, and the batch size that is enough.
    """
    if settings.batch_size >= 2 * processes or settings.norm_statistics == "kept":
        return
    frozen = frozen_layers(network, settings.frozen)
    for name, place in network.places.items():
        if isinstance(place.layer, BatchNorm) and name not in frozen and math.prod(place.shape[1:]) == 1:
            raise SettingsError(
                f"batch_size = {settings.batch_size} is too small for this network: its batch norm {name!r} has one "
                "value per channel and image, and cannot normalise it when a batch has a single image; use batch_size "
                f"= {2 * processes} or more, or norm_statistics=kept"
            )


def decaying(place: Place) -> tuple[str, ...]:
    """Tensors of a layer that weight decay applies to: kernels and matrices, not biases and norms."""
    if isinstance(place.layer, BatchNorm | LayerNorm):
        return ()
    return tuple(key for key, parameter in place.parameters.items() if len(parameter.shape) >= 2)


def _start(name: str) -> str:
    """The name up to the first part with a digit."""
    return next((part for part in _starts(name) if any(map(str.isdigit, part))), name)


def _starts(name: str) -> list[str]:
    """`a.b.c`: `a`, `a.b`, `a.b.c`."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
