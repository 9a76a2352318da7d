"""eyebright audit: find what is wrong with a set of images before training on it."""

import shlex
import textwrap
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eyebright.cli.audit_boxes import audit_boxes
from eyebright.cli.pictures import refuse, require_free, require_suffix
from eyebright.runs.request import Resize, Unlabelled
from eyebright.system.errors import SettingsError

if TYPE_CHECKING:
    from eyebright.runs.audit import Audited
    from eyebright.training.settings import Settings

EXAMPLES = (
    "eyebright audit flower_photos -o audit.json --page audit.html",
    "eyebright audit traffic_lights --model lights_run -o findings",
)
_CORRECTIONS = "corrections.json"
_WIDTH = 80


def audit(
    pictures: Annotated[
        str,
        typer.Argument(
            metavar="PICTURES",
            help="A folder with one folder of images for each class, images with boxes, or any other source that "
            "train accepts.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Write the findings to this JSON file; those about boxes to this folder, with contact sheets.",
            show_default=False,
        ),
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="Show the findings with their images in this HTML file.", show_default=False)
    ] = None,
    review: Annotated[
        bool,
        typer.Option(
            "--review",
            help="Show the page in the browser and save what you decide about its images into the file of "
            "--corrections, until Ctrl-C.",
        ),
    ] = False,
    corrections: Annotated[
        Path | None,
        typer.Option(
            help="Apply this corrections file, as for train; images that were decided about are not reported again "
            "[default with --review: corrections.json]",
            show_default=False,
        ),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="For --review: open the browser, or only print the address.")
    ] = True,
    preview: Annotated[
        Path | None,
        typer.Option(help="Draw images as the network will receive them, in this PNG file.", show_default=False),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(help="For --preview: image size in pixels [default: as train chooses]", show_default=False),
    ] = None,
    resize: Annotated[
        Resize | None, typer.Option(help="For --preview: as for train [default: auto]", show_default=False)
    ] = None,
    fit: Annotated[Resize | None, typer.Option(hidden=True)] = None,
    augment: Annotated[
        str | None, typer.Option(help="For --preview: as for train [default: as train does]", show_default=False)
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="DETECTOR",
            help="For images with boxes: look for objects without a box, and boxes of a wrong class, with this "
            "detector.",
            show_default=False,
        ),
    ] = None,
    unlabelled: Annotated[
        Unlabelled | None,
        typer.Option(help="For images with boxes: as for train [default: refuse]", show_default=False),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Find duplicates, leaks, damaged files and wrong boxes.

    The images are only read, never changed.
    """
    from eyebright.data.audit.findings import save
    from eyebright.report.progress import Display
    from eyebright.report.screen import Terminal, console
    from eyebright.report.tables import audit_text
    from eyebright.runs import audit as auditing
    from eyebright.runs.options import renamed
    from eyebright.system import records
    from eyebright.tasks.detection.data.labels.find import has_boxes

    if has_boxes(pictures):
        refuse({"--page": page, "--review": review, "--corrections": corrections, "--preview": preview, "--size": size,
                "--resize": resize or fit, "--augment": augment}, "images with boxes")  # fmt: skip
        audit_boxes(pictures, model, output, unlabelled or "refuse", overwrite=overwrite, as_json=as_json)
        return
    refuse({"--model": model, "--unlabelled": unlabelled}, "images without boxes")
    if review and as_json:
        raise SettingsError("--review and --json contradict each other: use only one of them")
    if review:
        corrections = corrections or Path(_CORRECTIONS)
        require_free([corrections], pictures, overwrite=True)
    asked = {name: value for name, value in (("resize", resize), ("fit", fit)) if value is not None}
    resize = renamed(asked).get("resize")
    settings = _preview_settings(preview, size, resize, augment)
    outputs = [path for path in (output, page, preview) if path is not None]
    require_free(outputs, pictures, overwrite=overwrite)
    with Display(Terminal(console(stderr=as_json))) as display:
        given = "" if corrections is None or (review and not corrections.exists()) else corrections
        found = auditing.audit(pictures, corrections=given, callbacks=[display])
        if page is not None:
            auditing.write_page(found, page)
    notes = [] if preview is None else _draw_preview(found, preview, size, resize or "auto", settings)
    if output is not None:
        save(found.audit, output)
    if as_json:
        typer.echo(records.to_json(found.audit))
        return
    console().print(audit_text(found.audit, found.leak), soft_wrap=True)
    for note in notes:
        typer.echo(textwrap.fill(note, _WIDTH))
    for path in outputs:
        typer.echo(f"Written: {path}")
    if review and corrections is not None:
        _review(found, pictures, corrections, browser=browser)
    else:
        _print_next_step(found, pictures, output, page, corrections)


def _draw_preview(
    found: "Audited", place: Path, size: int | None, resize: Resize, settings: "Settings | None"
) -> list[str]:
    """Write the preview, and return what is to be said of it."""
    from eyebright.runs.preview import preview
    from eyebright.system import files

    sheet, notes = preview(found.dataset, found.pack, size=size, resize=resize, settings=settings)
    files.write_file(place, sheet)
    return notes


def _review(found: "Audited", pictures: str, place: Path, *, browser: bool) -> None:
    """Serve the page until Ctrl-C, and say what was saved."""
    from eyebright.data.sources.ranged import without_token
    from eyebright.report.commands import command_text
    from eyebright.runs.audit import page_of
    from eyebright.web.review import Server, open_browser

    with Server(lambda decided: page_of(found, decided.corrections, saves=True), place) as server:
        opened = browser and open_browser(server.entrance())
        typer.echo(f"\n{'The page is open in your browser' if opened else 'Open this page in your browser'}:")
        typer.echo(f"  {server.address}")
        typer.echo(f"Decisions are saved in {place}. When you have finished, press Ctrl-C.")
        with suppress(KeyboardInterrupt):
            server.serve_forever()
        if not server.saved:
            typer.echo("\nNothing was decided, and nothing saved.")
            return
        kinds = Counter(correction.decision for correction in server.decided.corrections)
        counts = f"{kinds['relabel']:,} relabelled, {kinds['exclude']:,} excluded, {kinds['keep']:,} kept"
        typer.echo(f"\nSaved in {place}: {counts}.")
    typer.echo("To train with these decisions:")
    images = shlex.quote(without_token(pictures))
    typer.echo(command_text(f"eyebright train {images} -o RUN --corrections {shlex.quote(str(place))}"))


def _print_next_step(
    found: "Audited", pictures: str, output: Path | None, page: Path | None, corrections: Path | None
) -> None:
    """The command that looks at the findings, or trains without the duplicates that were found."""
    from eyebright.data.sources.ranged import without_token
    from eyebright.report.commands import command_text
    from eyebright.runs.request import Request

    images = shlex.quote(without_token(pictures))
    given = "" if corrections is None else f" --corrections {shlex.quote(str(corrections))}"
    if found.audit.of("probably mislabelled") or found.audit.of("conflicting labels"):
        typer.echo("To mend labels, image by image:")
        typer.echo(command_text(f"eyebright audit {images} --review{given}"))
    if output is None and found.audit.findings:
        see = "" if page else " --page audit.html"
        typer.echo(
            "To see the images of the findings:" if see else "To save the findings, so that a training can use them:"
        )
        typer.echo(command_text(f"eyebright audit {images}{given} -o audit.json{see}"))
    elif found.audit.to_exclude(Request().exclude_kinds.split(",")):
        typer.echo("To train without the duplicates:")
        typer.echo(command_text(f"eyebright train {images} -o RUN --exclude {shlex.quote(str(output))}{given}"))


def _preview_settings(
    preview: Path | None, size: int | None, resize: Resize | None, augment: str | None
) -> "Settings | None":
    """The augmentation of the preview, where one is given; wrong options are found before the work starts."""
    from eyebright.data.pictures import Preparation
    from eyebright.runs.options import augmentation
    from eyebright.training.settings import Settings

    for name, value in {"--size": size, "--resize": resize, "--augment": augment}.items():
        if preview is None and value is not None:
            raise SettingsError(f"{name} is only used with --preview: add --preview preview.png")
    if preview is not None:
        require_suffix(preview, ".png", option="--preview")
    if size is not None:
        Preparation(width=size, height=size)
    return None if augment is None else Settings().changed(augmentation(augment))
