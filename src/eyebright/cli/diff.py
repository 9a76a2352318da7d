"""eyebright diff: which answers of two models differ, and which model is better."""

from pathlib import Path
from typing import Annotated

import typer

from eyebright.cli.pictures import require_png

EXAMPLES = ("eyebright diff old_run new_run more_flower_photos -o flips.png",)


def diff(
    first: Annotated[Path, typer.Argument(metavar="MODEL1", help="A model folder, or a run: the one in use.")],
    second: Annotated[Path, typer.Argument(metavar="MODEL2", help="The other one, for instance a new one.")],
    pictures: Annotated[
        list[str],
        typer.Argument(
            metavar="PICTURES",
            help="Files or folders of images, or any other source that train accepts. Labels are not needed; folders "
            "named like classes are labels.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="Draw the images that are answered differently in this PNG file.", show_default=False
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all results as JSON.")] = False,
) -> None:
    """Compare two models on the same images.

    Images that one of the models was trained on are left out and counted.
    """
    from eyebright.model.diff import compared
    from eyebright.report.comparison import comparison_text, draw_flips
    from eyebright.report.progress import Display
    from eyebright.report.screen import Terminal, console
    from eyebright.runs.new_images import alike
    from eyebright.system import files, records

    if output is not None:
        require_png(output, pictures, option="-o", overwrite=overwrite)
    with Display(Terminal(console(stderr=True))) as display:
        found = compared((first, second), pictures, display, alike(first, second))
    if as_json:
        typer.echo(records.to_json(found.comparison))
    else:
        console().print(comparison_text(found.comparison), soft_wrap=True)
    if output is not None and len(found.pictures):
        title = f"{found.comparison.verdict} {first} -> {second}"
        files.write_file(output, draw_flips(found.comparison.flips, found.pictures, title))
        typer.echo(f"Written: {output}", err=as_json)
