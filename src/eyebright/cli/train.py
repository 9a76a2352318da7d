"""eyebright train: a folder of pictures becomes a run with a model."""

import math
import shlex
import time
from pathlib import Path
from typing import Any

import typer

from eyebright.cli import train_options as options
from eyebright.errors import SettingsError

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
    exclude_kinds: options.ExcludeKinds = "exact copies,near copies,copies with different labels",
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

    from eyebright import codec, course, healing, resuming, runs
    from eyebright.cli import learning_rate_test, train_outcome, train_request
    from eyebright.report.progress import Display

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
            if resume is not None and heal and "epochs" not in typed and course.is_complete(resume):
                display.begun = True
            elif resume is not None:
                result = resuming.resume(
                    resume, epochs=None if course.is_ours(resume) else typed.get("epochs"), callbacks=[display]
                )
            else:
                request, settings = train_request.gather(typed, config)
                place = Path(request.output or runs.default_output(request.pictures))
                display.run = shlex.quote(str(place))
                ends_at = begun_at + 60 * settings.minutes if settings.minutes else math.inf
                if course.is_ours(place):
                    result = None if course.is_complete(place) else resuming.resume(place, callbacks=[display])
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
        outcome = train_outcome.Outcome(place, heal=heal, second=second)
        train_outcome.say_interrupted(outcome, begun=display.begun)
        raise typer.Exit(130) from None
    outcome = train_outcome.Outcome(place, result, heal, second, healed, refused)
    if as_json:
        typer.echo(codec.to_json(train_outcome.as_data(outcome)))
    else:
        train_outcome.say_what_next(outcome)
    if outcome.interrupted:
        raise typer.Exit(130)


def _typed(ctx: typer.Context) -> dict[str, Any]:
    """The options that were typed, by the names that people know them by."""
    typed = [name for name in ctx.params if getattr(ctx.get_parameter_source(name), "name", "") == "COMMANDLINE"]
    values = {_NAMES.get(name, name): ctx.params[name] for name in typed}
    return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}
