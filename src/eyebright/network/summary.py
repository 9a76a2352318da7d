"""A network as a table: one row for each layer."""

from typing import NamedTuple

from eyebright.network.graph import Network


class Row(NamedTuple):
    """One layer: name, type, shape of its result, number of its parameters, multiply-adds for one sample."""

    name: str
    kind: str
    shape: str
    parameters: int
    multiply_adds: int


def rows(network: Network) -> list[Row]:
    """The layers of a network in the order in which they are computed."""
    return [
        Row(
            name,
            type(place.layer).__name__,
            " x ".join(map(str, place.shape)),
            sum(parameter.size for parameter in place.parameters.values()),
            place.multiply_adds,
        )
        for name, place in network.places.items()
    ]


def summary(network: Network) -> str:
    """The table as text of fixed width."""
    lines = [("layer", "type", "output", "parameters", "multiply-adds")]
    lines += [(row.name, row.kind, row.shape, f"{row.parameters:,}", f"{row.multiply_adds:,}") for row in rows(network)]
    lines.append(("total", "", "", f"{network.parameter_count:,}", f"{network.multiply_adds:,}"))
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    text = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(line[:3], widths[:3], strict=True)),
                   *(cell.rjust(width) for cell, width in zip(line[3:], widths[3:], strict=True))]).rstrip()
        for line in lines
    ]  # fmt: skip
    rule = "-" * max(map(len, text))
    return "\n".join([text[0], rule, *text[1:-1], rule, text[-1]])
