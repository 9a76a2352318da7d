"""eyebright inspect: every layer of a network, its arithmetic, and what its weights look like."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eyebright.system.errors import OutputError, SettingsError

if TYPE_CHECKING:
    from eyebright.model.inspect import Subject

_COLUMNS = 80
EXAMPLE = (
    "Example: eyebright inspect flowers_run; "
    "eyebright inspect flowers_run --activations rose.jpg --layer conv_2 -o maps.png"
)


def inspect(
    target: Annotated[
        str, typer.Argument(help="A model's folder, a run, a network's name, or a file with its JSON.", metavar="MODEL")
    ],
    size: Annotated[int | None, typer.Option(min=1, help="For a name: pixels a side.", show_default=False)] = None,
    classes: Annotated[
        int | None, typer.Option(min=1, help="For a name: how many classes.", show_default=False)
    ] = None,
    weights: Annotated[
        str,
        typer.Option(
            help="For a name or JSON: published (trained on ImageNet), or a file of weights.", show_default=False
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print every layer as JSON.")] = False,
    diagram: Annotated[
        Path | None, typer.Option(help="Draw the network by blocks into this SVG.", show_default=False)
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(min=1, help="For the diagram: levels of blocks to unfold [default: 1]", show_default=False),
    ] = None,
    kernels: Annotated[
        str | None, typer.Option(help="Draw the kernels of this convolution.", metavar="LAYER", show_default=False)
    ] = None,
    activations: Annotated[
        Path | None,
        typer.Option(help="Draw what --layer makes of this picture.", metavar="PICTURE", show_default=False),
    ] = None,
    layer: Annotated[str | None, typer.Option(help="The layer for --activations.", show_default=False)] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The PNG of --kernels or --activations.", show_default=False),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a figure that is there.")] = False,
    netron: Annotated[bool, typer.Option("--netron", help="Open the ONNX graph in Netron, in the browser.")] = False,
) -> None:
    """Show a network: its layers in numbers, a diagram, kernels, maps.

    Without options it prints a line for each layer: kernel, stride, padding, shape, parameters, multiply-adds, and
    how many pixels one value sees.
    """
    from eyebright.model import inspect

    asked = {"--json": as_json, "--diagram": diagram, "--kernels": kernels, "--activations": activations,
             "--netron": netron}  # fmt: skip
    given = [name for name, value in asked.items() if value]
    if len(given) > 1:
        raise SettingsError(f"{' and '.join(given)} are different things to do: ask for one at a time")
    _require_companions(given, {"--depth": depth, "--layer": layer, "--weights": weights, "-o": output})
    place = diagram or output
    if place is not None:
        _require_free(place, ".svg" if diagram else ".png", overwrite=overwrite)
    subject = inspect.find(target, size=size, classes=classes, weights=weights)
    if netron:
        inspect.open_netron(subject, say=lambda text: typer.echo(text, err=True))
    elif place is None:
        _print(subject, as_json=as_json)
    else:
        _draw(subject, target, place, depth=depth, kernels=kernels, activations=activations, layer=layer)


_COMPANIONS = {
    "--depth": ("--diagram",),
    "--layer": ("--activations",),
    "--weights": ("--kernels", "--activations", "--netron"),
    "-o": ("--kernels", "--activations"),
}
_NEEDED = {"--kernels": ("-o",), "--activations": ("--layer", "-o")}
_AS_IN = {
    "--kernels": "--kernels conv_1 -o kernels.png",
    "--activations": "--activations rose.jpg --layer conv_2 -o maps.png",
}


def _require_companions(given: list[str], values: dict[str, object]) -> None:
    """Refuse an option without that to which it belongs, and the other way round."""
    for name, companions in _COMPANIONS.items():
        if values[name] not in (None, "") and not set(companions) & set(given):
            raise SettingsError(f"{name} belongs to {' or '.join(companions)}")
    for name in given:
        for needed in _NEEDED.get(name, ()):
            if values[needed] is None:
                raise SettingsError(f"{name} needs {needed}, as in {_AS_IN[name]}")


def _require_free(place: Path, suffix: str, *, overwrite: bool) -> None:
    """The figure must not land on anything that somebody may miss."""
    if place.suffix.lower() != suffix:
        kind = {".png": "a PNG", ".svg": "an SVG"}[suffix]
        raise OutputError(f"the figure is {kind} file, got {place}: name it {place.stem}{suffix}")
    if place.exists() and not overwrite:
        raise OutputError(f"{place} already exists: choose another name, or pass --overwrite to replace it")
    if not place.absolute().parent.is_dir():
        raise OutputError(f"{place} cannot be written: there is no folder {place.parent}")


def _draw(
    subject: "Subject",
    target: str,
    place: Path,
    *,
    depth: int | None,
    kernels: str | None,
    activations: Path | None,
    layer: str | None,
) -> None:
    from eyebright.model import inspect
    from eyebright.system import files

    untrained = "" if subject.trained else " (not trained)"
    if kernels is not None:
        from eyebright.report.maps import draw_kernels

        content = draw_kernels(inspect.kernels(subject, kernels), title=kernels + untrained)
    elif activations is not None and layer is not None:
        from eyebright.report.maps import draw_maps

        if place.exists() and place.samefile(activations):
            raise OutputError(f"{place} is the picture to look at: give the figure another name")
        names = subject.classes if layer == subject.network.output else ()
        content = draw_maps(*inspect.activations(subject, activations, layer), title=layer + untrained, names=names)
    else:
        from eyebright.report.diagram import draw_diagram

        content = draw_diagram(subject.network, title=target, depth=1 if depth is None else depth).encode()
    files.write_file(place, content)
    typer.echo(f"Drawn: {place}", err=True)


def _print(subject: "Subject", *, as_json: bool) -> None:
    from rich.console import Console
    from rich.text import Text

    from eyebright.network.summary import network_table, summarize, totals_text
    from eyebright.system import records

    if as_json:
        typer.echo(records.to_json(summarize(subject.network)))
        return
    console = Console()
    for line in network_table(subject.network, max(console.width, _COLUMNS)):
        console.print(Text(line.text, "bold" if line.heading else ""), soft_wrap=True)
    typer.echo(f"\n{totals_text(subject.network)}")
