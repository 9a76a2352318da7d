"""eyebright audit: what is wrong with a set of pictures, before anything is learned from it."""

import shlex
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from eyebright.system.errors import SettingsError

if TYPE_CHECKING:
    from eyebright.training.settings import Settings

_COLUMNS = 80
EXAMPLE = "Example: eyebright audit flower_photos -o audit.json --page audit.html"


def audit(
    pictures: Annotated[
        str, typer.Argument(help="A folder with one folder of pictures for each class, or what else train takes.")
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the findings to this JSON file.", show_default=False)
    ] = None,
    page: Annotated[
        Path | None, typer.Option(help="Show the findings as pictures on this HTML page.", show_default=False)
    ] = None,
    preview: Annotated[
        Path | None,
        typer.Option(help="Draw what the network will see of them, on this PNG sheet.", show_default=False),
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="For --preview: pixels a side [default: as train chooses]", show_default=False)
    ] = None,
    fit: Annotated[
        Literal["auto", "crop", "pad", "stretch"] | None,
        typer.Option(help="For --preview: as for train [default: auto]", show_default=False),
    ] = None,
    augment: Annotated[
        str | None,
        typer.Option(help="For --preview: as for train [default: what train does]", show_default=False),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Find copies, leaks, unreadable files, and what stands out.

    The pictures are only read.
    """
    from rich.console import Console

    from eyebright.data.sources.ranged import without_token
    from eyebright.report.progress import Display
    from eyebright.report.tables import audit_text
    from eyebright.runs import audit as auditing
    from eyebright.runs import preview as previewing
    from eyebright.runs.request import Request
    from eyebright.system import files, records

    settings = _require_preview(preview, size, fit, augment)
    places = [place for place in (output, page, preview) if place is not None]
    auditing.require_free(places, pictures, overwrite=overwrite)
    with Display(Console(stderr=as_json)) as display:
        found = auditing.audit(pictures, callbacks=[display])
        if page is not None:
            auditing.write_page(found, page)
    notes: list[str] = []
    if preview is not None:
        sheet, notes = previewing.preview(found.dataset, found.pack, size=size, resize=fit or "auto", settings=settings)
        files.write_file(preview, sheet)
    if output is not None:
        auditing.write(found, output)
    if as_json:
        typer.echo(records.to_json(found.audit))
        return
    typer.echo(audit_text(found.audit, found.leak))
    for place in places:
        typer.echo(f"Written: {place}")
    for note in notes:
        typer.echo(textwrap.fill(note, _COLUMNS))
    here = shlex.quote(without_token(pictures))
    if output is None and found.audit.findings:
        typer.echo(f"To look at them: eyebright audit {here} -o audit.json --page audit.html")
    elif found.audit.to_exclude(Request().exclude_kinds.split(",")):
        typer.echo(f"To leave copies out: eyebright train {here} -o RUN --exclude {shlex.quote(str(output))}")


def _require_preview(preview: Path | None, size: int | None, fit: str | None, augment: str | None) -> "Settings | None":
    """How training changes pictures, if it is said; what is wrong with the options is found before the work begins."""
    from eyebright.data.pictures import Preparation
    from eyebright.runs.request import augmentation
    from eyebright.training.settings import Settings

    of_preview = {"--size": size, "--fit": fit, "--augment": augment}
    for name, value in of_preview.items():
        if preview is None and value is not None:
            raise SettingsError(f"{name} says how a preview is drawn: give --preview preview.png as well")
    if preview is not None and preview.suffix.lower() != ".png":
        raise SettingsError(f"--preview draws a PNG, got {preview}: name it {preview.with_suffix('.png').name}")
    if size is not None:
        Preparation(width=size, height=size)
    return None if augment is None else Settings().changed(augmentation(augment))
