"""What `eyebright train --find-lr` does: tries growing learning rates and suggests one, instead of training."""

import shlex
from pathlib import Path

import typer

from eyebright.cli.train_request import Request, names_left_out
from eyebright.runs.auto import AUTO
from eyebright.system.errors import SettingsError
from eyebright.training.settings import Settings

NETWORK = "flowers_cnn"  # where none is named: a rate belongs to one network, and "auto" finds its own


def find(request: Request, settings: Settings, *, as_json: bool) -> None:
    """Print the suggestion, and draw the test where the output names a PNG file.

    Args:
        request: What a training is asked for.
        settings: How to train.
        as_json: Print all rates and losses instead.

    Raises:
        SettingsError: When a model to start from is named, or the output is no figure.
    """
    from rich.console import Console

    from eyebright.data.dataset import Dataset
    from eyebright.report.figures import draw_rates
    from eyebright.report.progress import Display
    from eyebright.runs import audit
    from eyebright.runs.learning_rate import find_learning_rate
    from eyebright.system import files, records
    from eyebright.training.events import reporting

    if request.start_from:
        raise SettingsError(
            f"--find-lr and --from {request.start_from} exclude each other: rates are tried on a network that "
            "begins anew; leave out --from, or name --network and --weights"
        )
    figure, network = Path(request.output) if request.output else None, request.network
    network = NETWORK if network in ("", AUTO) else network
    if figure is not None and figure.suffix.lower() != ".png":
        raise SettingsError(f"with --find-lr, -o names the figure, as in -o learning_rate.png; received {figure}")
    if figure is not None:
        audit.require_free([figure], request.pictures, overwrite=request.overwrite)
    with Display(Console(stderr=as_json)) as display:
        dataset = Dataset.open(
            request.pictures, seed=settings.seed if request.split_seed is None else request.split_seed,
            validation=request.validation, test=request.test, group_by=request.group_by, split=request.split,
            exclude=names_left_out(request),
            report=reporting(display),
        )  # fmt: skip
        found = find_learning_rate(
            dataset, network=network, weights=request.weights, size=request.size,
            fit=request.fit, settings=settings, callbacks=[display],
        )  # fmt: skip
    if figure is not None:
        files.write_file(figure, draw_rates(found))
    if as_json:
        typer.echo(records.to_json({"network": network} | found._asdict()))
        return
    lowest = min(found.smoothed)
    suggested = f"--learning-rate {found.suggestion:.2g}"
    typer.echo(f"Suggested: {suggested}")
    typer.echo(
        f"That is a tenth of the rate at which the loss was lowest ({lowest:.3f} after {len(found.rates)} steps)."
    )
    options = ["--network", network] + (["--weights", request.weights] if request.weights else [])
    typer.echo("It is for this network; to train it so, with what else was asked for here:")
    typer.echo(f"  eyebright train {shlex.quote(request.pictures)} -o RUN {shlex.join(options)} {suggested}")
    if figure is not None:
        typer.echo(f"Figure: {figure}")
