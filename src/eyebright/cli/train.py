"""eyebright train: a folder of pictures becomes a run with a model."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from eyebright.errors import SettingsError

if TYPE_CHECKING:
    from eyebright.healing import Healing
    from eyebright.runs import Result

EXAMPLE = "Example: eyebright train flower_photos -o flowers_run --network flowers_cnn --epochs 15"


def train(
    ctx: typer.Context,
    pictures: Annotated[
        Path | None,
        typer.Argument(
            help="A folder with one folder of pictures for each class; a table (CSV, TSV), an .npz, IDX files.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The run's folder.", show_default=False)] = None,
    network: Annotated[str, typer.Option(help="A network's name, or a file with its JSON.")] = "flowers_cnn",
    weights: Annotated[
        str,
        typer.Option(
            help="Where to start: published (trained on ImageNet), or a file of weights; else at random.",
            show_default=False,
        ),
    ] = "",
    size: Annotated[
        int | None,
        typer.Option(
            help="Pixels a side [default: typical for the pictures, 24 to 180; for published weights, theirs]",
            show_default=False,
        ),
    ] = None,
    fit: Annotated[
        Literal["auto", "crop", "pad", "stretch"],
        typer.Option(help="How other proportions are brought to size; auto: crop, unless much would be lost."),
    ] = "auto",
    epochs: Annotated[int, typer.Option(help="Passes over the training pictures.")] = 15,
    batch_size: Annotated[int, typer.Option(help="Pictures in one step.")] = 32,
    learning_rate: Annotated[float, typer.Option(help="The peak of the learning rate.")] = 2e-3,
    augment: Annotated[
        str,
        typer.Option(
            help="What training pictures undergo, as in flip,zoom=0.2: flip, rotation, zoom, shift, shear, brightness, "
            "contrast, saturation, hue, erasing, mixup, cutmix; or none."
        ),
    ] = "flip,rotation=0.1,zoom=0.1",
    patience: Annotated[int, typer.Option(help="Stop after so many epochs without getting better; 0: never.")] = 10,
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"], typer.Option(help="auto: whichever a short measurement finds faster.")
    ] = "auto",
    validation: Annotated[float, typer.Option(help="Share of the pictures that picks the best epoch.")] = 0.15,
    test: Annotated[float, typer.Option(help="Share that is only looked at in the end.")] = 0.15,
    group_by: Annotated[
        str,
        typer.Option(
            help=r"Pictures in whose names this expression captures the same stay on one side: '(\d+)_\d+\.ppm'.",
            show_default=False,
        ),
    ] = "",
    split: Annotated[
        Path | None,
        typer.Option(help="A split that was decided before: split.csv of another run.", show_default=False),
    ] = None,
    exclude: Annotated[
        Path | None,
        typer.Option(help="Leave out the copies that an audit found: audit.json.", show_default=False),
    ] = None,
    exclude_kinds: Annotated[
        str, typer.Option(help="For --exclude: which findings to agree to.")
    ] = "exact copies,near copies,copies with different labels",
    seed: Annotated[int, typer.Option(help="Decides split, initial weights, order, augmentation, dropout.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a run that is there.")] = False,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with this run after it was stopped.", show_default=False)
    ] = None,
    heal: Annotated[
        bool, typer.Option("--heal", help="Then try what the verdict advises, into RUN/healed, and keep the better.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Train a classifier, judge it on pictures it has never seen, and save it."""
    from rich.console import Console

    from eyebright import codec, healing, runs
    from eyebright.report.progress import Display
    from eyebright.training.settings import Settings

    if resume is None and (pictures is None or output is None):
        raise SettingsError("give a folder of pictures and an output: eyebright train PICTURES -o RUN; or --resume RUN")
    given = [name for name in ctx.params if getattr(ctx.get_parameter_source(name), "name", "") == "COMMANDLINE"]
    allowed = {"resume", "as_json", "heal"} | ({"output", "overwrite"} if heal else set())
    if resume is not None and (surplus := [name for name in given if name not in allowed]):
        raise SettingsError(f"--resume RUN takes everything from the run: leave out {', '.join(sorted(surplus))}")
    console = Console(stderr=as_json)
    place, result, healed = Path(str(resume or output)), None, None
    second = output if output is not None and resume is not None else place / healing.FOLDER
    try:
        with Display(console) as display:
            if resume is not None and heal and runs.is_complete(resume):
                display.begun = True
            elif resume is not None:
                result = runs.resume(resume, callbacks=[display])
            else:
                settings = Settings(
                    epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, patience=patience,
                    precision=precision, seed=seed,
                ).changed(_augmentation(augment))  # fmt: skip
                assert pictures is not None
                assert output is not None
                result = runs.train(
                    pictures, output, network=network, weights=weights, size=size, fit=fit, validation=validation,
                    test=test, group_by=group_by, split=split or "", exclude=_excluded(exclude, exclude_kinds),
                    settings=settings, overwrite=overwrite, callbacks=[display],
                )  # fmt: skip
            if heal and not (result and result.interrupted):
                healed = healing.heal(place, second, overwrite=overwrite, callbacks=[display])
    except KeyboardInterrupt:
        begun = second if heal and second.exists() else place
        typer.echo(_interrupted(begun, begun=display.begun), err=True)
        raise typer.Exit(130) from None
    if as_json:
        typer.echo(codec.to_json(_as_data(place, result, healed)))
    else:
        _say_what_next(place, result, healed, heal=heal)
    if (result and result.interrupted) or (healed and healed.interrupted):
        raise typer.Exit(130)


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


def _excluded(file: Path | None, kinds: str) -> set[str]:
    """Names of the pictures to leave out."""
    if file is None:
        return set()
    from eyebright import codec
    from eyebright.audit import KINDS, load

    agreed = [kind.strip() for kind in kinds.split(",") if kind.strip()]
    for kind in agreed:
        if kind not in KINDS:
            known = codec.nearest(kind, list(KINDS))
            raise SettingsError(f"--exclude-kinds: {kind!r} is nothing that is found: {known}")
    return load(file).superfluous(agreed)


def _interrupted(place: Path, *, begun: bool) -> str:
    if not begun:
        return "Interrupted before the training began; pictures that were prepared need not be prepared again."
    return f"Interrupted. To go on: eyebright train --resume {shlex.quote(str(place))}"


def _augmentation(text: str) -> dict[str, bool | float]:
    """The settings that "flip,rotation=0.1,zoom" stands for; what is not named is off."""
    from eyebright.training.settings import AUGMENTATIONS

    found: dict[str, bool | float] = {name: type(named)(0) for name, (_, named) in AUGMENTATIONS.items()}
    for part in text.split(","):
        name, _, value = part.strip().partition("=")
        if name in ("", "none"):
            continue
        if name not in found or (name == "flip" and value):
            raise SettingsError(f"--augment: {part.strip()!r} is unknown; known are {', '.join(found)}, none")
        try:
            found[name] = type(found[name])(value) if value else AUGMENTATIONS[name][1]
        except ValueError as problem:
            raise SettingsError(f"--augment: {value!r} in {part.strip()!r} is no number") from problem
    return found
