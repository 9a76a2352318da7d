"""eyebright report: write the report of a run again."""

from pathlib import Path
from typing import Annotated

import typer

from eyebright.cli.pictures import refuse

EXAMPLES = ("eyebright report flowers_run",)


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run with a model.")],
    robustness: Annotated[
        bool,
        typer.Option("--robustness", help="Also measure the accuracy on up to 500 test images with mild corruptions."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the path of the page as JSON.")] = False,
) -> None:
    """Write the report of a run again.

    Every training writes RUN/report.html: how good the model is, its mistakes with their images, and what to do next.
    """
    from eyebright.report.progress import Display
    from eyebright.report.screen import Terminal, console
    from eyebright.runs.report import report as written
    from eyebright.system import records
    from eyebright.tasks.detection.model.card import is_detector
    from eyebright.tasks.detection.runs.report import report as written_of_detector

    with Display(Terminal(console(stderr=True))) as display:
        if is_detector(run):
            refuse({"--robustness": robustness}, "a detector")
            path = written_of_detector(run, callbacks=[display])
        else:
            path = written(run, robustness=robustness, callbacks=[display])
    typer.echo(records.to_json({"report": str(path)}) if as_json else f"Report: {path}")
