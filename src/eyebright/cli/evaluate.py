"""eyebright evaluate: how good a model is on pictures that it has not seen."""

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example: eyebright evaluate flowers_run more_flower_photos"


def evaluate(
    model: Annotated[Path, typer.Argument(help="A model's folder, or a run.")],
    pictures: Annotated[
        str, typer.Argument(help="A folder with one folder of pictures for each class, or what else train takes.")
    ],
    tta: Annotated[bool, typer.Option("--tta", help="Ask about mirror images too, and take the mean.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Judge a model on pictures with known classes.

    Pictures that it was trained on are left out, and counted.
    """
    from rich.console import Console

    from eyebright.report.progress import Display
    from eyebright.report.tables import evaluation_text
    from eyebright.runs import train
    from eyebright.system import records

    with Display(Console(stderr=True)) as display:
        evaluation = train.evaluate(model, pictures, tta=tta, callbacks=[display])
    typer.echo(records.to_json(evaluation) if as_json else evaluation_text(evaluation))
