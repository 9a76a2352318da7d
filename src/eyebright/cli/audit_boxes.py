"""What audit does where images come with boxes."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from eyebright.cli.pictures import require_outside

if TYPE_CHECKING:
    from eyebright.runs.request import Unlabelled
    from eyebright.tasks.detection.data.audit import BoxAudit


def audit_boxes(
    pictures: str, model: Path | None, output: Path | None, unlabelled: "Unlabelled", *, overwrite: bool, as_json: bool
) -> None:
    """Check images and their boxes, print what was found, and write it into a folder with contact sheets."""
    from eyebright.report.progress import Display
    from eyebright.report.screen import Terminal, console
    from eyebright.system import files, records
    from eyebright.tasks.detection.model.detector import Detector
    from eyebright.tasks.detection.report.audit import box_audit_text
    from eyebright.tasks.detection.runs.audit import FINDINGS, audit, write_findings

    if output is not None:
        require_outside(output, pictures)
        files.require_free(output, overwrite=overwrite, made_with=(FINDINGS,))
    detector = None if model is None else Detector.load(model)
    with Display(Terminal(console(stderr=as_json))) as display:
        found = audit(pictures, detector, unlabelled=unlabelled, callbacks=[display])
    if output is not None:
        write_findings(found, output, overwrite=overwrite)
    if as_json:
        typer.echo(records.to_json(found.audit))
        return
    console().print(box_audit_text(found.audit), soft_wrap=True)
    if output is not None:
        typer.echo(f"Written: {output}")
    _print_next_step(found.audit, pictures, model, output)


def _print_next_step(audit: "BoxAudit", pictures: str, model: Path | None, output: Path | None) -> None:
    """The command that looks for more, or shows the findings."""
    from eyebright.report.commands import command_text

    images, given = shlex.quote(pictures), "" if model is None else f" --model {shlex.quote(str(model))}"
    if audit.findings and output is None:
        typer.echo("To see the boxes of the findings:")
        typer.echo(command_text(f"eyebright audit {images}{given} -o FOLDER"))
    if model is None:
        typer.echo("To find objects without a box, and boxes of a wrong class, by a detector:")
        typer.echo(command_text(f"eyebright audit {images} --model RUN"))
