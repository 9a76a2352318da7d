"""eyebright demo: the whole way in a minute, without a network and without files of one's own."""

import csv
import shlex
from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "Example: eyebright demo"


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Where to put the pictures and the run.")] = Path(
        "eyebright_demo"
    ),
    seed: Annotated[int, typer.Option(help="Decides split, initial weights, order, augmentation, dropout.")] = 0,
) -> None:
    """Write handwritten digits, train on them, and ask the result.

    The pictures are the 1,797 digits that come with scikit-learn (8x8 pixels, from the UCI machine learning
    repository).
    """
    from eyebright.data.published.formats import write_digits

    pictures, run, figure = output / "digits", output / "digits_run", output / "predictions.png"
    typer.echo(f"Writing 1,797 handwritten digits to {pictures}")
    write_digits(pictures)
    settings = [
        "--network",
        "flowers_cnn",
        "--epochs",
        "30",
        "--augment",
        "rotation=0.03,zoom=0.1",
        "--seed",
        str(seed),
        "--overwrite",
    ]
    _run("train", str(pictures), "-o", str(run), *settings)
    _run("evaluate", str(run), str(pictures))
    unseen = _test_pictures(run / "split.csv", pictures)
    _run("predict", str(run), unseen[0])
    _run("predict", str(run), *unseen, "--figure", str(figure), "--overwrite")
    typer.echo(f"\nLook at {run / 'curves.png'} and {figure}. Now your own pictures:")
    typer.echo("$ eyebright train YOUR_FOLDER -o YOUR_RUN")


def _run(*arguments: str) -> None:
    """Show a command as it would be typed, and run it."""
    from eyebright.cli.app import app

    typer.echo(f"\n$ eyebright {shlex.join(arguments)}")
    code = app(list(arguments), standalone_mode=False)
    if code:
        raise typer.Exit(code)


def _test_pictures(split: Path, pictures: Path, count: int = 12) -> list[str]:
    """A few pictures of the test side, spread over the classes."""
    with split.open(encoding="utf-8", newline="") as file:
        names = [row["name"] for row in csv.DictReader(file) if row["split"] == "test"]
    return [str(pictures / name) for name in names[:: max(len(names) // count, 1)][:count]]
