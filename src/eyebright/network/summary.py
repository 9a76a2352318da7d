"""A network as a table: one row for each layer."""

from typing import Any

import msgspec

from eyebright.codec import Record
from eyebright.network.graph import Network
from eyebright.network.layer import Layer, Shape
from eyebright.network.receptive_field import receptive_fields


class Row(Record, frozen=True, kw_only=True):
    """One layer.

    Args:
        name: Its name.
        type: Its kind.
        settings: Its settings that differ from their defaults, by name.
        inputs: Names of the layers that it reads from.
        shape: Shape of its result for one sample.
        parameters: How many numbers it learns.
        multiply_adds: Of convolutions and matrix products, for one sample.
        receptive_field: Height and width of the input that one value sees; None: all of it.
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
    """All layers, and totals."""

    layers: tuple[Row, ...]
    parameters: int
    multiply_adds: int


def summarize(network: Network) -> Summary:
    """The layers of a network in the order in which they are computed, and totals."""
    fields = receptive_fields(network)
    rows = tuple(
        Row(
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
    """A layer's settings that differ from their defaults, by name; its name and its shape are told elsewhere."""
    defaults = {field.name: field.default for field in msgspec.structs.fields(layer)}
    values = {name: getattr(layer, name) for name in defaults if name not in ("name", "shape")}
    return {name: value for name, value in values.items() if value != defaults[name]}
