"""eyebright promise: what a trained model answers from now on, so that a promise is kept."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = ("eyebright promise flowers_run accuracy=0.95 --on more_flower_photos",)


def promise(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder, or a run.")],
    asked: Annotated[
        str,
        typer.Argument(
            metavar="PROMISE",
            help="accuracy=0.95 (of the answers that are given), accuracy-per-class=0.9, or coverage=0.95 (of sets of "
            "labels).",
        ),
    ],
    pictures: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="PICTURES",
            help="Images with known classes that the promise shall rest on; without them it rests on the images that "
            "were held back before.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the promise as JSON.")] = False,
) -> None:
    """Let a trained model answer only so that a promise is kept.

    Images that the model was trained on or selected by prove nothing: they are left out. The model is written again.
    """
    from eyebright.report.progress import Display
    from eyebright.report.screen import Terminal, console
    from eyebright.report.tables import promised_text
    from eyebright.runs.promise import promise as made_for
    from eyebright.system import records

    with Display(Terminal(console(stderr=True))) as display:
        made = made_for(model, asked, pictures, callbacks=[display])
    if as_json:
        typer.echo(records.to_json(made.promised))
    else:
        console().print(promised_text(made.promised, made.classes), soft_wrap=True)
        console().print(f"Model saved: {made.path}", soft_wrap=True, highlight=False)
        check = f"eyebright evaluate {shlex.quote(str(model))} PICTURES"
        console().print(f"To check it on other images: {check}", soft_wrap=True)
