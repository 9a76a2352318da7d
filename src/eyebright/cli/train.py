"""eyebright train: a folder of pictures becomes a run with a model.

What `eyebright train` prints when it has ended: the result for programs, or what to type next for people.
"""

import math
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from eyebright.cli import train_options as options
from eyebright.system.errors import SettingsError

EXAMPLE = "Example: eyebright train flower_photos -o flowers_run --minutes 5"
_WITH_RESUME = ("resume", "epochs", "heal", "json")  # all that may be said of a run that goes on
_NAMES = {
    "start_from": "from",
    "as_json": "json",
    "changes": "set",
}  # of options that Python cannot call by their names


def train(  # what is given is read from the context, since it matters what was typed
    ctx: typer.Context,
    pictures: options.Pictures = None,
    output: options.Output = None,
    config: options.Config = None,
    network: options.Network = "auto",
    weights: options.Weights = "",
    start_from: options.From = None,
    size: options.Size = None,
    fit: options.Fit = "auto",
    minutes: options.Minutes = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = 32,
    learning_rate: options.LearningRate = 2e-3,
    augment: options.Augment = "flip,rotation=0.1,zoom=0.1",
    changes: options.Set = None,
    patience: options.Patience = 10,
    precision: options.Precision = "auto",
    validation: options.Validation = 0.15,
    test: options.Test = 0.15,
    group_by: options.GroupBy = "",
    split: options.Split = None,
    exclude: options.Exclude = None,
    exclude_kinds: options.ExcludeKinds = "exact duplicates,near-duplicates,conflicting labels",
    seed: options.Seed = 0,
    find_lr: options.FindLr = False,
    overwrite: options.Overwrite = False,
    resume: options.Resume = None,
    heal: options.Heal = False,
    log: options.Log = None,
    as_json: options.AsJson = False,
) -> None:
    """Train a classifier, judge it on unseen pictures, and save it."""
    from rich.console import Console

    from eyebright.cli import learning_rate as learning_rate_test
    from eyebright.cli import train_request
    from eyebright.report.progress import Display
    from eyebright.runs import heal as healing
    from eyebright.runs import resume as resuming
    from eyebright.runs import train as runs
    from eyebright.system import records

    begun_at, typed = time.monotonic(), _typed(ctx)
    allowed = {*_WITH_RESUME, *(("output", "overwrite") if heal else ())}
    if resume is not None and (surplus := sorted(typed.keys() - allowed)):
        raise SettingsError(f"--resume RUN takes everything but --epochs from the run: leave out {', '.join(surplus)}")
    if find_lr:
        learning_rate_test.find(*train_request.gather(typed, config), as_json=as_json)
        return
    place, result, healed, refused, ends_at = resume or Path(), None, None, "", math.inf
    second = output if resume is not None else None
    try:
        with Display(Console(stderr=as_json)) as display:
            display.run = shlex.quote(str(place))
            if resume is not None and heal and "epochs" not in typed and runs.is_complete(resume):
                display.begun = True
            elif resume is not None:
                result = resuming.resume(
                    resume, epochs=None if runs.is_ours(resume) else typed.get("epochs"), callbacks=[display]
                )
            else:
                request, settings = train_request.gather(typed, config)
                place = Path(request.output or runs.default_output(request.pictures))
                display.run = shlex.quote(str(place))
                ends_at = begun_at + 60 * settings.minutes if settings.minutes else math.inf
                if runs.is_ours(place):
                    result = None if runs.is_complete(place) else resuming.resume(place, callbacks=[display])
                else:
                    result = runs.train(
                        request.pictures, place, network=request.network,
                        weights=request.weights, start_from=request.start_from, start_sha256=request.start_sha256,
                        size=request.size, fit=request.fit, validation=request.validation, test=request.test,
                        split_seed=request.split_seed, group_by=request.group_by, split=request.split,
                        exclude=train_request.names_left_out(request), settings=settings,
                        mirror=request.mirror, log=request.log, overwrite=request.overwrite, callbacks=[display],
                    )  # fmt: skip
            if heal and not (result and result.interrupted):
                left_s = None if math.isinf(ends_at) else max(ends_at - time.monotonic(), 0.0)
                healed = healing.heal(place, second, budget_s=left_s, overwrite=overwrite, callbacks=[display])
    except healing.OutOfTimeError as problem:
        refused = str(problem)
    except KeyboardInterrupt:
        outcome = Outcome(place, heal=heal, second=second)
        say_interrupted(outcome, begun=display.begun)
        raise typer.Exit(130) from None
    outcome = Outcome(place, result, heal, second, healed, refused)
    if as_json:
        typer.echo(records.to_json(as_data(outcome)))
    else:
        say_what_next(outcome)
    if outcome.interrupted:
        raise typer.Exit(130)


def _typed(ctx: typer.Context) -> dict[str, Any]:
    """The options that were typed, by the names that people know them by."""
    typed = [name for name in ctx.params if getattr(ctx.get_parameter_source(name), "name", "") == "COMMANDLINE"]
    values = {_NAMES.get(name, name): ctx.params[name] for name in typed}
    return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


if TYPE_CHECKING:
    from eyebright.runs.heal import Healing
    from eyebright.runs.train import Result


class Outcome(NamedTuple):
    """What came of the command.

    Args:
        place: The run's folder.
        result: Of the training; None where a finished run was only healed.
        heal: Whether healing was asked for.
        second: The folder of the second training where it was named, else None.
        healed: What healing gave; None where nothing was tried.
        refused: Why nothing was tried, though something is advised.
    """

    place: Path
    result: "Result | None" = None
    heal: bool = False
    second: Path | None = None
    healed: "Healing | None" = None
    refused: str = ""

    @property
    def interrupted(self) -> bool:
        """Whether something is left to go on with."""
        return bool(self.result and self.result.interrupted) or bool(self.healed and self.healed.interrupted)

    @property
    def going_on(self) -> str:
        """The command that goes on with it."""
        heal = " --heal" if self.heal else ""
        output = f" -o {shlex.quote(str(self.second))}" if self.heal and self.second is not None else ""
        return f"eyebright train --resume {shlex.quote(str(self.place))}{heal}{output}"


def as_data(outcome: Outcome) -> dict[str, Any]:
    """What came of it, for programs."""
    data: dict[str, Any] = {"run": str(outcome.place)}
    if result := outcome.result:
        data |= {"interrupted": result.interrupted, "test": result.test}
    if healed := outcome.healed:
        compared = {"before": healed.before, "after": healed.after, "difference": healed.difference}
        data["healing"] = compared | {"kept": str(healed.kept), "interrupted": healed.interrupted}
    if outcome.refused:
        data["not_healed"] = outcome.refused
    return data


def say_what_next(outcome: Outcome) -> None:
    """What to type next, for people."""
    from eyebright.runs import heal as healing

    if outcome.interrupted:
        typer.echo(f"To go on with the training: {outcome.going_on}")
        return
    kept = shlex.quote(str(outcome.healed.kept if outcome.healed else outcome.place))
    if outcome.refused:
        typer.echo(f"Not healed: {outcome.refused}. To do it in a time of its own: {outcome.going_on}")
    elif outcome.heal and not outcome.healed:
        typer.echo("Nothing to heal: the verdict advises nothing that other settings could do.")
    elif not outcome.heal and healing.advises(outcome.place):
        typer.echo(f"Let the advice be tried:  eyebright train --resume {kept} --heal")
    typer.echo(f"Ask it:  eyebright predict {kept} PICTURES...")


def say_interrupted(outcome: Outcome, *, begun: bool) -> None:
    """How to go on after Ctrl-C, where there is something to go on with."""
    if begun:
        typer.echo(f"Interrupted. To go on: {outcome.going_on}", err=True)
    else:
        nothing_lost = "pictures that were prepared need not be prepared again"
        typer.echo(f"Interrupted before the training began; {nothing_lost}.", err=True)
