"""eyebright train: a folder of images becomes a run with a model.

The options are those of `runs.request.Request` and, the usual ones, of `training.settings.Settings`, with their types,
defaults and descriptions; what else the command takes stands in `_OWN`.
"""

import inspect
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
import typer

from eyebright.cli.pictures import require_free
from eyebright.runs.options import gather
from eyebright.runs.request import FIELDS, Request, descriptions
from eyebright.system import interrupts
from eyebright.system.errors import SettingsError
from eyebright.training.settings import AUGMENTATIONS, Settings

if TYPE_CHECKING:
    from eyebright.report.progress import Display
    from eyebright.runs.heal import Healing
    from eyebright.runs.train import Result
    from eyebright.tasks.detection.runs.train import DetectionResult
    from eyebright.training.range_test import RangeTest

EXAMPLES = ("eyebright train flower_photos -o flowers_run --minutes 5",)
FIND_LR_NETWORK = "flowers_cnn"  # where none is named: a learning rate belongs to one network, and "auto" finds its own

_SHOWN = (  # as a newcomer meets them; further settings are given by --set
    "output", "overwrite", "config", "task", "network", "weights", "from", "size", "resize", "minutes", "epochs",
    "batch_size", "learning_rate", "augment", "dropout", "set", "find_lr", "patience", "precision", "seed",
    "validation", "test", "group_by", "split", "exclude", "exclude_kinds", "corrections", "promise", "unlabelled",
    "one_class", "resume", "log", "heal", "json", "fit",
)  # fmt: skip
_WITH_RESUME = {"resume", "epochs", "heal", "json"}  # options that a run which continues may be given
_OWN: dict[str, tuple[Any, Any]] = {
    "config": (str | None, typer.Option(
        help="Take options from this file, such as epochs = 30; options that are typed win. RUN/config.toml repeats a "
        "run.", show_default=False)),
    "set": (list[str] | None, typer.Option(
        "--set", metavar="NAME=VALUE", show_default=False,
        help="Any other setting, such as ema=0.999; may be repeated. docs/settings.md lists them.")),
    "find_lr": (bool, typer.Option(
        "--find-lr", help="Suggest a learning rate instead of training; -o names a PNG file for the figure.")),
    "resume": (str | None, typer.Option(
        help="Continue this run after it was stopped; with --epochs, for more epochs in all.", show_default=False)),
    "heal": (bool, typer.Option(
        "--heal", help="Then try what the verdict advises, in the time that --minutes leaves, in RUN/healed; keep the "
        "better model.")),
    "json": (bool, typer.Option("--json", help="Print the result as JSON.")),
    "fit": (str | None, typer.Option("--fit", hidden=True)),
}  # fmt: skip


def train(ctx: typer.Context, **_: Any) -> None:
    """Train a classifier, or a detector on images with boxes."""
    from eyebright.report.progress import Display
    from eyebright.report.screen import Terminal, console
    from eyebright.runs.heal import OutOfTimeError
    from eyebright.runs.heal import heal as try_advice
    from eyebright.runs.opening import default_output
    from eyebright.system import records
    from eyebright.tasks.train import detects

    started_at, typed = time.monotonic(), _typed(ctx)
    _refuse_with_resume(typed)
    if typed.get("minutes", 1.0) <= 0:
        raise SettingsError("minutes must be above 0; without minutes there is no limit")
    config, resume, heal, as_json, find_lr = (
        typed.pop(name, None) for name in ("config", "resume", "heal", "json", "find_lr")
    )
    request = Request() if resume else _request(typed, config)
    if (find_lr or heal) and not resume and detects(request):
        raise SettingsError(f"{'--find-lr' if find_lr else '--heal'}: not for a detector, leave it out")
    if find_lr:
        _find_learning_rate(request, as_json=bool(as_json))
        return
    place = Path(resume or request.output or default_output(request.pictures))
    outcome = CommandOutcome(place, heal=bool(heal), second=typed.get("output") if resume else None)
    try:
        with Display(Terminal(console(stderr=bool(as_json)))) as display:
            display.run = shlex.quote(str(place))
            result = _train(request, place, typed, display, resume=bool(resume), heal=bool(heal))
            outcome = outcome._replace(result=result)
            if heal and not (result and result.interrupted):
                minutes = typed.get("minutes") if resume else request.training.minutes
                budget_s, overwrite = _left_s(minutes, started_at), bool(typed.get("overwrite"))
                healed = try_advice(
                    place, outcome.second, budget_s=budget_s, overwrite=overwrite, verbose=False, callbacks=[display]
                )
                outcome = outcome._replace(healed=healed)
    except OutOfTimeError as problem:
        outcome = outcome._replace(refused=str(problem))
    except KeyboardInterrupt:
        _print_interrupted(outcome, started=display.begun)
        raise typer.Exit(interrupts.exit_code()) from None
    if as_json:
        typer.echo(records.to_json(as_data(outcome)))
    else:
        print_next_steps(outcome)
    if outcome.interrupted:
        raise typer.Exit(interrupts.exit_code())


def _refuse_with_resume(typed: dict[str, Any]) -> None:
    """Refuse options that a run which continues takes from its config.toml."""
    allowed = _WITH_RESUME | ({"output", "overwrite", "minutes"} if typed.get("heal") else set())
    if typed.get("resume") and (surplus := sorted(typed.keys() - allowed)):
        budget = "; --minutes is the time for --heal" if "minutes" in surplus else ""
        raise SettingsError(
            f"--resume RUN takes all options except --epochs from the run: leave out {', '.join(surplus)}{budget}"
        )


def _request(typed: dict[str, Any], config: str | None) -> Request:
    """What is asked for by the options that were typed and those in a file."""
    request = gather(typed, None if config is None else Path(config))
    if not request.pictures:
        raise SettingsError(
            "no images given: expected eyebright train PICTURES -o RUN, or --config FILE, or --resume RUN"
        )
    return request


def _train(
    request: Request, place: Path, typed: dict[str, Any], display: "Display", *, resume: bool, heal: bool
) -> "Result | DetectionResult | None":
    """Train or continue; None where the run is complete."""
    from eyebright.data.sources.ranged import without_token
    from eyebright.runs.folder import Run
    from eyebright.runs.session import started_by_this_group
    from eyebright.tasks.train import resume as resume_run
    from eyebright.tasks.train import run_request

    epochs = typed.get("epochs")
    again = started_by_this_group(place)  # of several processes one had died, and all are started again
    if resume:
        images = Run(place).read()[0].pictures
        if heal and epochs is None and Run(place).is_complete:
            display.begun = True
            return None
        display.images = shlex.quote(without_token(images))
        return resume_run(place, epochs=None if again else epochs, callbacks=[display])
    if again:
        return None if Run(place).is_complete else resume_run(place, callbacks=[display])
    return run_request(request.changed(output=str(place)), callbacks=[display])


def _left_s(minutes: float | None, started_at: float) -> float | None:
    """What a budget of time leaves for healing; None without a budget."""
    return max(started_at + 60 * minutes - time.monotonic(), 0.0) if minutes else None


class CommandOutcome(NamedTuple):
    """The outcome of the command.

    Args:
        place: The run's folder.
        result: The result of the training; None where a finished run was only healed.
        heal: Whether healing was asked for.
        second: The folder of the second training, where it was named.
        healed: The result of healing; None where nothing was tried.
        refused: Why nothing was tried, though something is advised.
    """

    place: Path
    result: "Result | DetectionResult | None" = None
    heal: bool = False
    second: str | None = None
    healed: "Healing | None" = None
    refused: str = ""

    @property
    def interrupted(self) -> bool:
        """Whether something can be continued."""
        return bool(self.result and self.result.interrupted) or bool(self.healed and self.healed.interrupted)

    @property
    def continuing(self) -> str:
        """The command that continues."""
        healing = " --heal" if self.heal else ""
        output = f" -o {shlex.quote(str(self.second))}" if self.heal and self.second is not None else ""
        return f"eyebright train --resume {shlex.quote(str(self.place))}{healing}{output}"


def as_data(outcome: CommandOutcome) -> dict[str, Any]:
    """The outcome, for programs."""
    data: dict[str, Any] = {"run": str(outcome.place)}
    if result := outcome.result:
        data |= {"interrupted": result.interrupted, "test": result.test}
    if healed := outcome.healed:
        compared = {"before": healed.before, "after": healed.after, "difference": healed.difference}
        data["healing"] = compared | {"kept": str(healed.kept), "interrupted": healed.interrupted}
    if outcome.refused:
        data["not_healed"] = outcome.refused
    return data


def print_next_steps(outcome: CommandOutcome) -> None:
    """What to type next, for people."""
    from eyebright.runs.heal import advises
    from eyebright.tasks.detection.runs.train import DetectionResult

    if outcome.interrupted:
        typer.echo(f"To continue the training: {outcome.continuing}")
        return
    if isinstance(outcome.result, DetectionResult):
        test = outcome.result.test
        table = test.as_table()._replace(title="On the test images:", notes=(*test.of_boxes(),))
        typer.echo(f"\n{table.text()}\n")
        typer.echo(
            f"To find objects:  eyebright predict {shlex.quote(str(outcome.place))} PICTURES... --figure boxes.png"
        )
        return
    kept = shlex.quote(str(outcome.healed.kept if outcome.healed else outcome.place))
    if outcome.refused:
        typer.echo(f"Not healed: {outcome.refused}.")
        typer.echo(f"To heal without a budget: {outcome.continuing}")
    elif outcome.heal and not outcome.healed:
        typer.echo("Nothing to heal: the verdict advises nothing that other settings could improve.")
    elif not outcome.heal and (kind := advises(outcome.place)):
        typer.echo(f"To try the advice ({kind}):\n  eyebright train --resume {kept} --heal")
    typer.echo(f"To predict:  eyebright predict {kept} PICTURES...")


def _print_interrupted(outcome: CommandOutcome, *, started: bool) -> None:
    """How to continue after an interrupt, where there is something to continue."""
    if started:
        typer.echo(f"Interrupted. To continue: {outcome.continuing}", err=True)
    else:
        typer.echo("Interrupted before the training started. Images that were prepared are kept.", err=True)


def _find_learning_rate(request: Request, *, as_json: bool) -> None:
    """Suggest a learning rate instead of training, and draw the test where the output names a PNG file."""
    from eyebright.report.plots import draw_rates
    from eyebright.report.progress import Display
    from eyebright.report.screen import Terminal, console
    from eyebright.runs.learning_rate import find_learning_rate
    from eyebright.runs.opening import open_pictures
    from eyebright.system import files, records

    if request.start_from:
        raise SettingsError(
            f"--find-lr and --from {request.start_from}: use only one of them, learning rates are tried on a network "
            "with its initial weights; give --network and --weights instead"
        )
    figure = Path(request.output) if request.output else None
    network = FIND_LR_NETWORK if request.automatic else request.network
    if figure is not None and figure.suffix.lower() != ".png":
        raise SettingsError(f"with --find-lr, expected a PNG file as -o, such as -o learning_rate.png; got {figure}")
    if figure is not None:
        require_free([figure], request.pictures, overwrite=request.overwrite)
    with Display(Terminal(console(stderr=as_json))) as display:
        found = find_learning_rate(
            open_pictures(request, display), network=network, weights=request.weights, size=request.size,
            resize=request.resize, settings=request.training, verbose=False, callbacks=[display],
        )  # fmt: skip
    if figure is not None:
        files.write_file(figure, draw_rates(found))
    if as_json:
        typer.echo(records.to_json({"network": network} | found._asdict()))
    else:
        _print_suggestion(request, network, found)
        if figure is not None:
            typer.echo(f"Figure: {figure}")


def _print_suggestion(request: Request, network: str, found: "RangeTest") -> None:
    """The learning rate that was found, and the command that trains with it."""
    from eyebright.data.sources.ranged import without_token

    suggested = f"--learning-rate {found.suggestion:.2g}"
    typer.echo(f"Suggested: {suggested}")
    typer.echo(
        f"That is a tenth of the learning rate with the lowest loss ({min(found.smoothed):.3f}, "
        f"{len(found.rates)} steps)."
    )
    options = ["--network", network] + (["--weights", request.weights] if request.weights else [])
    typer.echo("To train this network with it, add the other options that you gave:")
    images = shlex.quote(without_token(request.pictures))
    typer.echo(f"  eyebright train {images} -o RUN {shlex.join(options)} {suggested}")


def _typed(ctx: typer.Context) -> dict[str, Any]:
    """The options that were typed, by their names."""
    typed = [name for name in ctx.params if getattr(ctx.get_parameter_source(name), "name", "") == "COMMANDLINE"]
    return {name.removesuffix("_"): ctx.params[name] for name in typed}


def _parameters() -> list[inspect.Parameter]:
    """The parameters that Typer makes the command line from."""
    said = descriptions(Request) | descriptions(Settings)
    argument = typer.Argument(help=said["pictures"], metavar="PICTURES", show_default=False)
    found = [_parameter("pictures", str | None, argument, None)]
    settings = {field.name: field for field in msgspec.structs.fields(Settings)}
    for name in _SHOWN:
        if name in _OWN:
            kind, option = _OWN[name]
            found.append(_parameter(name, kind, option, False if kind is bool else None))
            continue
        field = FIELDS.get(name) or settings[name]
        kind, default = (list[str] | None, None) if name == "log" else (field.type, field.default)
        if name in ("epochs", "minutes"):
            kind, default = kind | None, None
        elif name == "augment":
            default = ",".join(_augment_text(change) for change in AUGMENTATIONS if getattr(Settings(), change))
        flags = _FLAGS.get(name, [f"--{name.replace('_', '-')}"])
        shown = kind is not bool and default not in ("", None)
        option = typer.Option(
            *flags, help=said[field.name].replace("`", ""), show_default=shown, metavar=_METAVARS.get(name)
        )
        found.append(_parameter(name, kind, option, default))
    return found


_FLAGS = {"output": ["-o", "--output"], "learning_rate": ["--learning-rate", "--lr"]}
_METAVARS = {"output": "RUN", "from": "MODEL", "log": "NAME"}


def _augment_text(change: str) -> str:
    value = getattr(Settings(), change)
    return change if value is True else f"{change}={value:g}"


def _parameter(name: str, kind: Any, option: Any, default: Any) -> inspect.Parameter:
    name = f"{name}_" if name == "from" else name  # a word of Python
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, option]
    )  # fmt: skip


_context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
train.__signature__ = inspect.Signature([_context, *_parameters()])  # type: ignore[attr-defined]
train.__annotations__ = {name: one.annotation for name, one in train.__signature__.parameters.items()}  # type: ignore[attr-defined]
