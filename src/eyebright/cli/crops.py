"""eyebright crops: objects cut out of their images, in one folder for each class, which train takes as it is."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from eyebright.cli.pictures import Fetched, refuse, sources_of
from eyebright.runs.request import Unlabelled
from eyebright.system.errors import SettingsError
from eyebright.system.text import counted, listed, message, printable

if TYPE_CHECKING:
    from eyebright.tasks.detection.model.crops import Cut

EXAMPLES = ("eyebright crops traffic_lights -o lights --margin 0.1",)
Classes: TypeAlias = Literal["all", "one"]


def crops(
    source: Annotated[
        str, typer.Argument(metavar="MODEL|LABELS", help="A detector or its run, or images with labelled boxes.")
    ],
    pictures: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PICTURES", help="For a detector: files, folders or http(s) addresses.", show_default=False
        ),
    ] = None,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="The folder to write.")] = Path(),
    margin: Annotated[float, typer.Option(help="Share of the sides of a box that is added on each side.")] = 0.1,
    classes: Annotated[
        Classes, typer.Option(help="Whether all classes are kept, or all objects are of one class.")
    ] = "all",
    threshold: Annotated[
        float | None,
        typer.Option(
            help="For a detector: cut out objects from this confidence on [default: its own]", show_default=False
        ),
    ] = None,
    unlabelled: Annotated[
        Unlabelled | None,
        typer.Option(help="For labels: what images without labels are, as for train.", show_default=False),
    ] = None,
    fewest: Annotated[int, typer.Option(min=1, help="Leave out classes with crops of fewer images.")] = 1,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a folder of crops that exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Cut objects out of images, into one folder for each class.

    The crops of one image are one group: a training keeps them in the same set.
    """
    from eyebright.system import records
    from eyebright.tasks.detection.model.card import is_detector
    from eyebright.tasks.detection.model.crops import FEWEST_TO_TRAIN, write_crops

    if output == Path():
        raise SettingsError(f"no folder to write: add -o FOLDER, as in eyebright crops {shlex.quote(source)} -o crops")
    if is_detector(Path(source)):
        refuse({"--unlabelled": unlabelled}, "a detector")
        cuts = _found(Path(source), pictures, threshold, one=classes == "one")
    else:
        cuts = _labelled(source, pictures, threshold, unlabelled or "refuse", one=classes == "one")
    written = write_crops(cuts, output, margin=margin, fewest=fewest, overwrite=overwrite)
    if as_json:
        typer.echo(records.to_json(written._asdict() | {"folder": str(output)}))
        return
    typer.echo(f"Written: {counted(sum(written.counts.values()), 'crop')} in {output}")
    for name, count in written.counts.items():
        typer.echo(f"  {count:,} {printable(name)}")
    if written.left_out:
        names = listed([printable(one.name) for one in written.left_out], 3)
        typer.echo(message(f"{counted(len(written.left_out), 'image')} cannot be opened: {names}"), err=True)
    if kept := [printable(name) for name in written.few if name in written.counts]:
        typer.echo(
            message(
                f"Too few images for a classifier: {listed(kept, 3)}. Add images of them, or repeat the command with "
                f"--fewest {FEWEST_TO_TRAIN} --overwrite, which leaves such classes out."
            )
        )
        return
    typer.echo(f"To train a classifier:\n  eyebright train {shlex.quote(str(output))} -o RUN")


def _labelled(
    source: str, pictures: list[str] | None, threshold: float | None, unlabelled: Unlabelled, *, one: bool
) -> "Iterator[Cut]":
    """The boxes that are labelled."""
    from eyebright.tasks.detection.data.dataset import BoxDataset
    from eyebright.tasks.detection.model.crops import cuts_of

    if pictures or threshold is not None:
        raise SettingsError(f"{source} is no detector: PICTURES and --threshold are for one, leave them out")
    return cuts_of(BoxDataset.open(source, unlabelled=unlabelled, one_class=one))


def _found(model: Path, pictures: list[str] | None, threshold: float | None, *, one: bool) -> "Iterator[Cut]":
    """The objects that a detector finds."""
    from eyebright.tasks.detection.data.dataset import ONE_CLASS
    from eyebright.tasks.detection.model.crops import cuts_found
    from eyebright.tasks.detection.model.detector import Detector

    if not pictures:
        raise SettingsError(f"{model} is a detector: expected eyebright crops {model} PICTURES -o FOLDER")
    sources = sources_of(pictures)
    cuts = cuts_found(Detector.load(model), sources, threshold=threshold, one_class=ONE_CLASS if one else "")
    for (_, image), cut in zip(sources, cuts, strict=True):
        yield cut
        if isinstance(image, Fetched):
            image.forget()
