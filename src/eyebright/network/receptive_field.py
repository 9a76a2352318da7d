"""How much of the picture one value of each layer sees.

Along a path, the field grows by (kernel - 1) times the distance between neighbouring values in pixels of the input, and
each stride multiplies that distance. Where paths join, the larger field counts.

Source: Araujo et al. 2019, "Computing Receptive Fields of Convolutional Neural Networks", equations 1 and 2.
"""

from typing import NamedTuple

from eyebright.network.graph import Network, Place


class _View(NamedTuple):
    field: tuple[int, int]
    step: tuple[int, int]


def receptive_fields(network: Network) -> dict[str, tuple[int, int] | None]:
    """Height and width in pixels that one value of each layer sees, borders left aside; None: all of the input."""
    views: dict[str, _View | None] = {}
    for name, place in network.places.items():
        views[name] = _view(place, [views[source] for source in place.inputs])
    return {name: None if view is None else view.field for name, view in views.items()}


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
