"""The named networks as a table: where each comes from, what it takes, and what it brought."""

import math
import textwrap
from typing import TYPE_CHECKING

from eyebright.report.network_table import short
from eyebright.system.records import Record

if TYPE_CHECKING:
    from eyebright.network.zoo import NamedNetwork

_COLUMNS = 80
_SIZES = (32, 64, 128, 224, 448)  # pixels a side, to show what grows with the picture
_COMPARED = ("mlp", "resnet18", "densenet121", "efficientnet_lite0")


class CatalogRow(Record, frozen=True, kw_only=True):
    """One named network, for the pictures and classes of its paper."""

    name: str
    year: int
    paper: str
    brought: str
    input_size: int
    channels: int
    num_classes: int
    parameters: int
    multiply_adds: int
    published_weights: bool


def catalog_rows() -> list[CatalogRow]:
    """All named networks, family by family in the order in which they came."""
    from eyebright.network.zoo import NETWORKS, WEIGHTS

    return [_row(name, named, published=name in WEIGHTS) for name, named in NETWORKS.items()]


def catalog_text(rows: list[CatalogRow]) -> str:
    """The table, the papers, and the dense network beside the convolutional ones, in 80 columns."""
    return "\n".join([*_table(rows), "", *_papers(rows), "", *_growth()])


def _table(rows: list[CatalogRow]) -> list[str]:
    lines = [f"{'network':19}  year  params  mult-adds  what it brought"]
    indent = " " * 46
    for row in rows:
        name = f"{row.name}{'*' if row.published_weights else ''}"
        figures = f"{name:19}  {row.year}  {short(row.parameters):>6}  {short(row.multiply_adds):>9}  "
        lines += textwrap.wrap(row.brought, _COLUMNS, initial_indent=figures, subsequent_indent=indent)
    others = [f"{row.name} ({given})" for row in rows if (given := _published_for(row))]
    note = (
        f"Figures are for 224x224x3 and 1000 classes, but for {', '.join(others)}. "
        "All take any size that fits, and any number of classes."
    )
    star = "* weights trained on ImageNet are published: eyebright train --weights published"
    return [*lines, "", *textwrap.wrap(note, _COLUMNS), star]


def _papers(rows: list[CatalogRow]) -> list[str]:
    """Each paper once, after the names of its networks."""
    named: dict[str, list[CatalogRow]] = {}
    for row in rows:
        if row.paper:
            named.setdefault(row.paper, []).append(row)
    lines = ["papers"]
    for paper, own in named.items():
        names = own[0].name if len(own) == 1 else f"{own[0].name} to {own[-1].name}"
        lines += textwrap.wrap(f"{names}: {paper}", _COLUMNS, initial_indent="  ", subsequent_indent="    ")
    return lines


def _growth() -> list[str]:
    """Parameters for larger and larger pictures: those of dense layers explode, kernels stay as they are."""
    from eyebright.network import Conv2d
    from eyebright.network.zoo import build

    lines = ["parameters for ten classes, by the size of the pictures (in colour)"]
    lines.append(f"  {'':18}" + "".join(f"{f'{size}x{size}':>10}" for size in _SIZES))
    for name in _COMPARED:
        counts = [build(name, num_classes=10, input_size=size).parameter_count for size in _SIZES]
        lines.append(f"  {name:18}" + "".join(f"{short(count):>10}" for count in counts))
    shape, layer = (3, 224, 224), Conv2d(64, 3, padding="same")
    kernels = layer.parameters(shape)["weight"].size
    dense = math.prod(shape) * math.prod(layer.output_shape(shape))
    note = (
        "An mlp has a weight from every value of the picture to each of its 128 neurons. If the first layer of vgg16 "
        f"were dense, it would have {dense:,} weights; with 64 kernels of 3x3, used everywhere, it has {kernels:,}."
    )
    return [*lines, *textwrap.wrap(note, _COLUMNS)]


def _published_for(row: CatalogRow) -> str:
    """What a network was published for, where it is not the usual."""
    size = f"{row.input_size}x{row.input_size}x{row.channels}"
    parts = [size] * (size != "224x224x3") + [f"{row.num_classes} classes"] * (row.num_classes != 1000)
    return ", ".join(parts)


def _row(name: str, named: "NamedNetwork", *, published: bool) -> CatalogRow:
    network = named.as_published()
    return CatalogRow(
        name=name,
        year=named.year,
        paper=named.paper,
        brought=named.brought,
        input_size=named.input_size,
        channels=named.channels,
        num_classes=named.num_classes,
        parameters=network.parameter_count,
        multiply_adds=network.multiply_adds,
        published_weights=published,
    )
