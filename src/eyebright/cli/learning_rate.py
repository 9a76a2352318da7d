"""What `eyebright train --find-lr` does: tries growing learning rates and suggests one, instead of training."""

from pathlib import Path
from typing import Any

import typer

from eyebright.errors import SettingsError
from eyebright.training.settings import Settings


def find(
    pictures: Path, figure: Path | None, settings: Settings, *, opening: dict[str, Any], as_json: bool, **start: Any
) -> None:
    """Print the suggestion, and draw the test where a place for the figure is given.

    Args:
        pictures: What `train` learns from.
        figure: A PNG file.
        settings: How to train.
        opening: Arguments of `Dataset.open`.
        as_json: Print all rates and losses instead.
        **start: Network, weights, size and fit, as `find_learning_rate` takes them.
    """
    from rich.console import Console

    from eyebright import codec, files
    from eyebright.datasets import Dataset
    from eyebright.rate_finding import find_learning_rate
    from eyebright.report.progress import Display
    from eyebright.report.rates import draw_rates
    from eyebright.training.events import Scanning

    if figure is not None and figure.suffix.lower() != ".png":
        raise SettingsError(f"with --find-lr, -o names the figure, as in -o learning_rate.png; received {figure}")
    with Display(Console(stderr=as_json)) as display:
        opening |= {"seed": settings.seed, "progress": lambda count: display(Scanning(found=count))}
        dataset = Dataset.open(pictures, **opening)
        found = find_learning_rate(dataset, settings=settings, callbacks=[display], **start)
    if figure is not None:
        files.write_file(figure, draw_rates(found))
    if as_json:
        typer.echo(codec.to_json(found._asdict()))
        return
    lowest = min(found.smoothed)
    typer.echo(f"Suggested: --learning-rate {found.suggestion:.2g}")
    typer.echo(
        f"That is a tenth of the rate at which the loss was lowest ({lowest:.3f} after {len(found.rates)} steps)."
    )
    if figure is not None:
        typer.echo(f"Figure: {figure}")
