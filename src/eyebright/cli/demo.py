"""eyebright demo: train, evaluate and predict in a minute, without a network connection and without own images."""

import csv
import shlex
from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = ("eyebright demo",)
_SHOWN = 12  # held-out images in the figure
_TRAINING = ["--network", "flowers_cnn", "--epochs", "30", "--augment", "rotation=0.03,zoom=0.1", "--overwrite"]


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder for the images and the run.")] = Path(
        "eyebright_demo"
    ),
    seed: Annotated[int, typer.Option(help="Seed of split, initial weights, order, augmentation and dropout.")] = 0,
) -> None:
    """Train on handwritten digits, evaluate and predict.

    The images are the 1,797 digits that come with scikit-learn (8x8 pixels, from the UCI machine learning
    repository).
    """
    from eyebright.data.published.formats import write_digits

    pictures, run, figure = output / "digits", output / "digits_run", output / "predictions.png"
    typer.echo(f"Writing 1,797 handwritten digits to {pictures}")
    write_digits(pictures)
    _run("train", str(pictures), "-o", str(run), *_TRAINING, "--seed", str(seed))
    _run("evaluate", str(run), str(pictures))
    held_out = _test_images(run / "split.csv", pictures)
    _run("predict", str(run), held_out[0])
    _run("predict", str(run), *held_out, "--figure", str(figure), "--overwrite")
    typer.echo(f"\nLook at {run / 'curves.png'} and {figure}. To train on your own images:")
    typer.echo("  eyebright train YOUR_FOLDER -o YOUR_RUN")


def _run(*arguments: str) -> None:
    """Print a command as it is typed, and run it."""
    from eyebright.cli.app import app

    typer.echo(f"\n$ eyebright {shlex.join(arguments)}")
    code = app(list(arguments), standalone_mode=False)
    if code:
        raise typer.Exit(code)


def _test_images(split: Path, pictures: Path) -> list[str]:
    """A few images of the test set, spread over the classes."""
    with split.open(encoding="utf-8", newline="") as file:
        names = [row["name"] for row in csv.DictReader(file) if row["split"] == "test"]
    return [str(pictures / name) for name in names[:: max(len(names) // _SHOWN, 1)][:_SHOWN]]
