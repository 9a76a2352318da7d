"""eyebright inspect: the layers of a network in numbers, and figures of its structure, kernels and activations."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eyebright.cli.pictures import refuse
from eyebright.system.errors import OutputError, SettingsError

if TYPE_CHECKING:
    from eyebright.model.export.exported import Exported
    from eyebright.model.export.proof import Proof
    from eyebright.model.inspect import LoadedNetwork
    from eyebright.tasks.detection.model.exported import DetectionProof, ExportedDetector

_COLUMNS = 80
EXAMPLES = (
    "eyebright inspect flowers_run",
    "eyebright inspect flowers_run --activations rose.jpg --layer conv_2 -o m.png",
)


def inspect(
    target: Annotated[
        str,
        typer.Argument(
            help="A model folder, a run, an exported model, the name of a network, or a network in a JSON file; with "
            "--netron also a file of another program.",
            metavar="MODEL",
        ),
    ],
    size: Annotated[
        int | None, typer.Option(min=1, help="For a name: image size in pixels.", show_default=False)
    ] = None,
    classes: Annotated[
        int | None, typer.Option(min=1, help="For a name: number of classes.", show_default=False)
    ] = None,
    weights: Annotated[
        str,
        typer.Option(
            help="For a name or JSON file: published (trained on ImageNet), or a file of weights.", show_default=False
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print every layer as JSON.")] = False,
    diagram: Annotated[
        Path | None, typer.Option(help="Draw a diagram of the network in this SVG file.", show_default=False)
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option(min=1, help="For --diagram: levels of blocks to show [default: 1]", show_default=False),
    ] = None,
    kernels: Annotated[
        str | None, typer.Option(help="Draw the kernels of this convolution.", metavar="LAYER", show_default=False)
    ] = None,
    activations: Annotated[
        Path | None,
        typer.Option(help="Draw the activations of --layer for this image.", metavar="IMAGE", show_default=False),
    ] = None,
    layer: Annotated[str | None, typer.Option(help="For --activations: the layer.", show_default=False)] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The PNG file for --kernels or --activations.", show_default=False),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
    netron: Annotated[bool, typer.Option("--netron", help="Show the ONNX graph in the browser, with Netron.")] = False,
) -> None:
    """Show the layers of a network, or draw figures of it.

    Without options it prints kernel size, stride, padding, output shape, parameters, multiply-adds and receptive
    field of each layer.
    """
    from eyebright.model import inspect
    from eyebright.model.export.exported import is_export
    from eyebright.tasks.detection.model.card import is_detector

    asked = {"--json": as_json, "--diagram": diagram, "--kernels": kernels, "--activations": activations,
             "--netron": netron}  # fmt: skip
    given = [name for name, value in asked.items() if value]
    if len(given) > 1:
        raise SettingsError(f"use only one of {' and '.join(given)}")
    _require_companions(given, {"--depth": depth, "--layer": layer, "--weights": weights, "-o": output})
    place = diagram or output
    if place is not None:
        _require_free(place, ".svg" if diagram else ".png", overwrite=overwrite)
    if is_export(Path(target)) or inspect.is_foreign(Path(target)):
        _show_foreign(Path(target), given)
        return
    if is_detector(Path(target)):
        refuse({"--size": size, "--classes": classes, "--weights": weights}, "a detector")
        subject = _network_of_detector(Path(target))
    else:
        subject = inspect.load_network(target, size=size, classes=classes, weights=weights)
    if netron:
        inspect.open_netron(subject, say=lambda text: typer.echo(text, err=True))
    elif place is None:
        _print(subject, as_json=as_json)
    else:
        _draw(subject, target, place, depth=depth, kernels=kernels, activations=activations, layer=layer)


def _network_of_detector(model: Path) -> "LoadedNetwork":
    from eyebright.model.inspect import LoadedNetwork
    from eyebright.tasks.detection.model.card import read_detector

    stored = read_detector(model)
    return LoadedNetwork(stored.network, stored.weights, stored.preparation, stored.onnx_path, trained=True)


def _show_foreign(target: Path, given: list[str]) -> None:
    """Show an exported model as a table or as JSON; its file, or another one of another program, in Netron."""
    from eyebright.model.inspect import open_netron
    from eyebright.system import records

    exported, proof = _exported(target)
    what, allowed = "an exported model", ["--json", "--netron"]
    if exported is None:
        what, allowed = "a file of another program", ["--netron"]
    if not set(given) <= set(allowed) or (exported is None and not given):
        raise SettingsError(f"{target} is {what}, for which {' and '.join(allowed)} can be used")
    if given == ["--netron"]:
        open_netron(target if exported is None else exported.shown, say=lambda text: typer.echo(text, err=True))
    elif exported is not None and given:
        typer.echo(records.to_json({"export": exported.card, "proof": proof}))
    elif exported is not None and proof is not None:
        typer.echo("\n".join([exported.as_table().text(), "", *map(_filled, proof.sentences())]))


def _exported(
    target: Path,
) -> "tuple[Exported, Proof] | tuple[ExportedDetector, DetectionProof] | tuple[None, None]":
    """An exported classifier or detector with its proof; nothing where it is neither."""
    from eyebright.model.export.exported import is_export, read_export
    from eyebright.model.export.proof import read_proof
    from eyebright.tasks.detection.model.card import is_exported_detector

    if is_exported_detector(target):
        from eyebright.tasks.detection.model.exported import read_exported_detector

        detector = read_exported_detector(target)
        return detector, detector.proof
    if not is_export(target):
        return None, None
    exported = read_export(target)
    return exported, read_proof(exported)


def _filled(sentence: str) -> str:
    return textwrap.fill(sentence, _COLUMNS)


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
    """Refuse an option without the one that it is used with."""
    for name, companions in _COMPANIONS.items():
        if values[name] not in (None, "") and not set(companions) & set(given):
            raise SettingsError(f"{name} is only used with {' or '.join(companions)}")
    for name in given:
        for needed in _NEEDED.get(name, ()):
            if values[needed] is None:
                raise SettingsError(f"{name} needs {needed}, as in {_AS_IN[name]}")


def _require_free(place: Path, suffix: str, *, overwrite: bool) -> None:
    """Refuse a wrong suffix, a missing folder, and a file that exists."""
    from eyebright.system import files

    if place.suffix.lower() != suffix:
        raise OutputError(f"expected a file name ending in {suffix}, got {place}: use {place.with_suffix(suffix)}")
    files.require_free_file(place, overwrite=overwrite)


def _draw(
    subject: "LoadedNetwork",
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
            raise OutputError(f"{place} is the image itself: choose another name for the figure")
        names = subject.classes if layer == subject.network.output else ()
        content = draw_maps(*inspect.activations(subject, activations, layer), title=layer + untrained, names=names)
    else:
        from eyebright.report.diagram import draw_diagram

        content = draw_diagram(subject.network, title=target, depth=1 if depth is None else depth).encode()
    files.write_file(place, content)
    typer.echo(f"Written: {place}", err=True)


def _print(subject: "LoadedNetwork", *, as_json: bool) -> None:
    from rich.text import Text

    from eyebright.network.summary import network_table, summarize, totals_text
    from eyebright.report.screen import HEADING, console
    from eyebright.system import records

    if as_json:
        typer.echo(records.to_json(summarize(subject.network)))
        return
    target = console()
    for line in network_table(subject.network, max(target.width, _COLUMNS)):
        target.print(Text(line.text, HEADING if line.heading else ""), soft_wrap=True)
    typer.echo(f"\n{totals_text(subject.network)}")
