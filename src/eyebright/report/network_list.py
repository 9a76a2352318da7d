"""The named networks as a list: size, year and paper of each, and how sizes grow with the images."""

import math
import textwrap
from typing import TYPE_CHECKING

from eyebright.system.records import Record
from eyebright.system.text import abbreviated

if TYPE_CHECKING:
    from eyebright.network.zoo.catalog import NamedNetwork

_COLUMNS = 80
_SIZES = (32, 64, 128, 224, 448)  # pixels a side
_COMPARED = ("mlp", "resnet18", "densenet121", "efficientnet_lite0")


class NetworkRow(Record, frozen=True, kw_only=True):
    """One named network, for the image size and the classes of its paper.

    Args:
        name: Its name.
        year: When it was published.
        paper: First author and title; "" for textbook networks.
        brought: What was new.
        input_size: Pixels a side.
        channels: Channels of the input.
        num_classes: Number of classes.
        parameters: Number of trained parameters.
        multiply_adds: Of convolutions and matrix products, for one image.
        published_weights: Whether weights trained on ImageNet can be downloaded.
    """

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


def network_rows() -> list[NetworkRow]:
    """All named networks, family by family, oldest first."""
    from eyebright.network.zoo import NETWORKS, WEIGHTS

    return [_row(name, named, published=name in WEIGHTS) for name, named in NETWORKS.items()]


def network_list_text(rows: list[NetworkRow]) -> str:
    """The table, the papers, and the sizes of a dense network beside convolutional ones, in 80 columns."""
    return "\n".join([*_table(rows), "", *_papers(rows), "", *_growth()])


def _row(name: str, named: "NamedNetwork", *, published: bool) -> NetworkRow:
    network = named.as_published()
    return NetworkRow(
        name=name, year=named.year, paper=named.paper, brought=named.brought, input_size=named.input_size,
        channels=named.channels, num_classes=named.num_classes, parameters=network.parameter_count,
        multiply_adds=network.multiply_adds, published_weights=published,
    )  # fmt: skip


def _table(rows: list[NetworkRow]) -> list[str]:
    lines = [f"{'network':19}  year  params  mult-adds  what was new"]
    indent = " " * 46
    for row in rows:
        name = f"{row.name}{'*' if row.published_weights else ''}"
        figures = f"{name:19}  {row.year}  {abbreviated(row.parameters):>6}  {abbreviated(row.multiply_adds):>9}  "
        lines += textwrap.wrap(row.brought, _COLUMNS, initial_indent=figures, subsequent_indent=indent)
    others = [f"{row.name} ({given})" for row in rows if (given := _unusual(row))]
    note = (
        f"Numbers are for images of 224x224x3 and 1000 classes, except for {', '.join(others)}. "
        "Every network can be built for other sizes and any number of classes."
    )
    star = "* weights trained on ImageNet: eyebright train IMAGES --weights published"
    return [*lines, "", *textwrap.wrap(note, _COLUMNS), star]


def _unusual(row: NetworkRow) -> str:
    """Size and classes of a network that are not 224x224x3 and 1000."""
    size = f"{row.input_size}x{row.input_size}x{row.channels}"
    parts = [size] * (size != "224x224x3") + [f"{row.num_classes} classes"] * (row.num_classes != 1000)
    return ", ".join(parts)


def _papers(rows: list[NetworkRow]) -> list[str]:
    """Each paper once, after the names of its networks."""
    named: dict[str, list[NetworkRow]] = {}
    for row in rows:
        if row.paper:
            named.setdefault(row.paper, []).append(row)
    lines = ["papers"]
    for paper, own in named.items():
        names = own[0].name if len(own) == 1 else f"{own[0].name} to {own[-1].name}"
        lines += textwrap.wrap(f"{names}: {paper}", _COLUMNS, initial_indent="  ", subsequent_indent="    ")
    return lines


def _growth() -> list[str]:
    """Parameters by image size: those of dense layers grow with the image, those of convolutions do not."""
    from eyebright.network import Conv2d
    from eyebright.network.zoo import build

    lines = ["parameters for 10 classes, by the size of colour images"]
    lines.append(f"  {'':18}" + "".join(f"{f'{size}x{size}':>10}" for size in _SIZES))
    for name in _COMPARED:
        counts = [build(name, num_classes=10, input_size=size).parameter_count for size in _SIZES]
        lines.append(f"  {name:18}" + "".join(f"{abbreviated(count):>10}" for count in counts))
    shape, layer = (3, 224, 224), Conv2d(64, 3, padding="same")
    kernels = layer.parameters(shape)["weight"].size
    dense = math.prod(shape) * math.prod(layer.output_shape(shape))
    note = (
        "An mlp has a weight from every value of the image to each of its 128 neurons. If the first layer of vgg16 "
        f"were dense, it would have {dense:,} weights. With 64 kernels of 3x3, which are used at every position, it "
        f"has {kernels:,}."
    )
    return [*lines, *textwrap.wrap(note, _COLUMNS)]
