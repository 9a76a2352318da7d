"""eyebright explain: which parts of images matter for their class, drawn over the images."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eyebright.cli.pictures import Fetched, require_png, sources_of
from eyebright.system.errors import SettingsError
from eyebright.system.text import pad, percent, printable, shorten

if TYPE_CHECKING:
    from eyebright.report.explanations import Explanation

EXAMPLES = ("eyebright explain flowers_run red_sunflower.jpg -o why.png",)
_NAME_WIDTH, _LABEL_WIDTH = 44, 22


def explain(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder, or a run.")],
    pictures: Annotated[
        list[str],
        typer.Argument(metavar="PICTURES", help="Files, folders or http(s) addresses; - reads one image from stdin."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Draw the images and their maps in this PNG file.", show_default=False),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            "--class", metavar="NAME", help="The class to explain [default: the most probable]", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line, with the map.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
) -> None:
    """Show which parts of images matter for their class.

    The network answers copies of each image in which parts are hidden. What matters most for the class is orange; what
    matters least, or lowers its probability, is blue. Where the model gives no answer, the most probable class is
    explained, and the reason is printed. The exit code is 1 if an image cannot be opened.
    """
    from eyebright.model.explain.images import explain_images, require_class
    from eyebright.model.folder import read_model
    from eyebright.model.predictor import Predictor
    from eyebright.report.explanations import MAX_SHOWN, Explanation

    if output is None and not as_json:
        raise SettingsError("add -o why.png to draw the maps, or --json to print them")
    if output is not None:
        require_png(output, pictures, option="-o", overwrite=overwrite)
    predictor = Predictor.of_model(read_model(model))
    require_class(predictor, label)
    sources = sources_of(pictures)
    used = sources if as_json else sources[:MAX_SHOWN]
    drawn, failed = list[Explanation](), 0
    for (_, source), found in zip(used, explain_images(predictor, used, label), strict=True):
        if isinstance(source, Fetched):
            source.forget()
        failed += not isinstance(found, Explanation)
        _print(found, as_json=as_json)
        if isinstance(found, Explanation) and len(drawn) < MAX_SHOWN:
            drawn.append(found)
    if output is not None and drawn:
        _draw(output, drawn, len(sources))
    if failed:
        raise typer.Exit(1)


def _print(found: Any, *, as_json: bool) -> None:
    """Print one answer as a JSON line, or a line of a table; below it, why the model gives no answer."""
    from eyebright.report.explanations import Explanation
    from eyebright.system import records

    name = pad(shorten(printable(found.name), _NAME_WIDTH), _NAME_WIDTH)
    if as_json:
        typer.echo(records.to_json(found.as_record() if isinstance(found, Explanation) else found, indent=None))
    elif isinstance(found, Explanation):
        label = pad(shorten(printable(found.label), _LABEL_WIDTH), _LABEL_WIDTH)
        typer.echo(f"{name}  {label}  {percent(found.probability):>7}")
        if found.prediction.label is None:
            typer.echo(f"  {found.prediction.answer}")
    else:
        typer.echo(f"{name}  cannot be opened: {printable(found.error)}")


def _draw(output: Path, drawn: "list[Explanation]", of: int) -> None:
    from eyebright.report.explanations import draw_explanations
    from eyebright.system import files

    files.write_file(output, draw_explanations(drawn))
    typer.echo(f"Written: {output}" + (f" (the first {len(drawn)} of {of:,})" if of > len(drawn) else ""), err=True)
