"""A network in numbers: shape, parameters, multiply-adds and receptive field of each layer."""

from typing import Any, NamedTuple

import msgspec

from eyebright.network.graph import Network, Place
from eyebright.network.layer import Layer, Shape
from eyebright.system.records import Record


def receptive_fields(network: Network) -> dict[str, tuple[int, int] | None]:
    """Receptive field of each layer: (height, width) in pixels of the input, without borders; None: all of the input.

    Along a path, the field grows by (kernel - 1) times the distance of neighbouring values in pixels of the input, and
    each stride multiplies that distance. Where paths join, the larger field counts.

    Source: Araujo et al. 2019, "Computing Receptive Fields of Convolutional Neural Networks", equations 1 and 2.
    """
    views: dict[str, _View | None] = {}
    for name, place in network.places.items():
        views[name] = _view(place, [views[source] for source in place.inputs])
    return {name: None if view is None else view.field for name, view in views.items()}


class _View(NamedTuple):
    field: tuple[int, int]
    step: tuple[int, int]  # distance of neighbouring values in pixels of the input


def _view(place: Place, sources: list[_View | None]) -> _View | None:
    if not sources:
        return _View((1, 1), (1, 1)) if len(place.shape) == 3 else None
    reach = place.layer.reach(*place.input_shapes)
    seen = [source for source in sources if source is not None]
    if reach is None or len(seen) < len(sources):
        return None
    kernel, stride = reach
    field = (max(view.field[0] for view in seen), max(view.field[1] for view in seen))
    step = (max(view.step[0] for view in seen), max(view.step[1] for view in seen))
    return _View(
        (field[0] + (kernel[0] - 1) * step[0], field[1] + (kernel[1] - 1) * step[1]),
        (step[0] * stride[0], step[1] * stride[1]),
    )


class LayerSummary(Record, frozen=True, kw_only=True):
    """One layer of a network in numbers.

    Args:
        name: Its name.
        type: Its type, as "Conv2d".
        settings: Its settings that differ from their defaults, by name.
        inputs: Names of its input layers.
        shape: Shape of its output for one sample.
        parameters: Number of values that it learns.
        multiply_adds: Multiply-adds of convolutions and matrix products for one sample.
        receptive_field: (height, width) in pixels of the input that one value depends on; None: all of the input.
    """

    name: str
    type: str
    settings: dict[str, Any]
    inputs: tuple[str, ...]
    shape: Shape
    parameters: int
    multiply_adds: int
    receptive_field: tuple[int, int] | None


class Summary(Record, frozen=True, kw_only=True):
    """All layers of a network in the order in which they are computed, and the totals."""

    layers: tuple[LayerSummary, ...]
    parameters: int
    multiply_adds: int


def summarize(network: Network) -> Summary:
    """The summary of a network."""
    fields = receptive_fields(network)
    rows = tuple(
        LayerSummary(
            name=name,
            type=type(place.layer).__name__,
            settings=settings_of(place.layer),
            inputs=place.inputs,
            shape=place.shape,
            parameters=sum(parameter.size for parameter in place.parameters.values()),
            multiply_adds=place.multiply_adds,
            receptive_field=fields[name],
        )
        for name, place in network.places.items()
    )
    return Summary(layers=rows, parameters=network.parameter_count, multiply_adds=network.multiply_adds)


def settings_of(layer: Layer) -> dict[str, Any]:
    """A layer's settings that differ from their defaults, by name; without its name and shape."""
    defaults = {field.name: field.default for field in msgspec.structs.fields(layer)}
    values = {name: getattr(layer, name) for name in defaults if name not in ("name", "shape")}
    return {name: value for name, value in values.items() if value != defaults[name]}
