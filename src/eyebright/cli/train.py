"""eyebright train: a folder of pictures becomes a run with a model."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from eyebright.cli import train_options as options
from eyebright.errors import SettingsError

if TYPE_CHECKING:
    from eyebright.healing import Healing
    from eyebright.runs import Result

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
    from eyebright.cli import learning_rate_test, train_request
    from eyebright.report.progress import Display

    typed = _typed(ctx)
    allowed = {*_WITH_RESUME, *(("output", "overwrite") if heal else ())}
    if resume is not None and (surplus := sorted(typed.keys() - allowed)):
        raise SettingsError(f"--resume RUN takes everything but --epochs from the run: leave out {', '.join(surplus)}")
    if find_lr:
        learning_rate_test.find(*train_request.gather(typed, config), as_json=as_json)
        return
    place, result, healed = resume or Path(), None, None
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
                healed = healing.heal(place, _second(place, typed), overwrite=overwrite, callbacks=[display])
    except KeyboardInterrupt:
        second = _second(place, typed)
        typer.echo(_interrupted(second if heal and second.exists() else place, begun=display.begun), err=True)
        raise typer.Exit(130) from None
    if as_json:
        typer.echo(codec.to_json(_as_data(place, result, healed)))
    else:
        _say_what_next(place, result, healed, heal=heal)
    if (result and result.interrupted) or (healed and healed.interrupted):
        raise typer.Exit(130)


def _typed(ctx: typer.Context) -> dict[str, Any]:
    """The options that were typed, by the names that people know them by."""
    typed = [name for name in ctx.params if getattr(ctx.get_parameter_source(name), "name", "") == "COMMANDLINE"]
    values = {_NAMES.get(name, name): ctx.params[name] for name in typed}
    return {name: str(value) if isinstance(value, Path) else value for name, value in values.items()}


def _second(place: Path, typed: dict[str, Any]) -> Path:
    """Where the second run of a healing goes; -o names it where it does not name the first."""
    from eyebright import healing

    return Path(typed["output"]) if {"resume", "output"} <= typed.keys() else place / healing.FOLDER


def _as_data(place: Path, result: "Result | None", healed: "Healing | None") -> dict[str, Any]:
    """What came of it, for programs."""
    data: dict[str, Any] = {"run": str(place)}
    if result:
        data |= {"interrupted": result.interrupted, "test": result.test}
    if healed:
        compared = {"before": healed.before, "after": healed.after, "difference": healed.difference}
        data["healing"] = compared | {"kept": str(healed.kept), "interrupted": healed.interrupted}
    return data


def _say_what_next(place: Path, result: "Result | None", healed: "Healing | None", *, heal: bool) -> None:
    """What to type next, for people."""
    from eyebright import healing

    stopped = place if result and result.interrupted else healed.path if healed and healed.interrupted else None
    if stopped is not None:
        typer.echo(f"To go on with the training: eyebright train --resume {shlex.quote(str(stopped))}")
        return
    kept = shlex.quote(str(healed.kept if healed else place))
    if heal and not healed:
        typer.echo("Nothing to heal: the verdict advises nothing that other settings could do.")
    elif not heal and healing.advises(place):
        typer.echo(f"Let the advice be tried:  eyebright train --resume {kept} --heal")
    typer.echo(f"Ask it:  eyebright predict {kept} PICTURES...")


def _interrupted(place: Path, *, begun: bool) -> str:
    if not begun:
        return "Interrupted before the training began; pictures that were prepared need not be prepared again."
    return f"Interrupted. To go on: eyebright train --resume {shlex.quote(str(place))}"
