"""eyebright drift: are new images like those that a model was trained with?"""

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = ("eyebright drift flowers_run photos_of_this_week",)


def drift(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder, or a run.")],
    pictures: Annotated[
        list[str],
        typer.Argument(
            metavar="PICTURES",
            help="Files or folders of images, or any other source that train accepts. Labels are not needed.",
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print all results as JSON.")] = False,
) -> None:
    """Test whether new images are like those of the training.

    Each difference has a p-value and an effect size; an alarm needs both. Images that the model was trained on are left
    out and counted.
    """
    from eyebright.model.drift import drifted
    from eyebright.report.drift import drift_text
    from eyebright.report.progress import Display
    from eyebright.report.screen import Terminal, console
    from eyebright.runs.new_images import alike
    from eyebright.system import records

    with Display(Terminal(console(stderr=True))) as display:
        found = drifted(model, pictures, display, alike(model))
    if as_json:
        typer.echo(records.to_json(found))
    else:
        console().print(drift_text(found), soft_wrap=True)
