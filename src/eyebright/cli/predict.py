"""eyebright predict: the class of images, or the objects in them, with the confidence of the model."""

import unicodedata
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eyebright.cli.answers import print_csv, print_json
from eyebright.cli.pictures import Fetched, refuse, require_png, sources_of
from eyebright.system.errors import SettingsError
from eyebright.system.text import columns, counted, listed, message, pad, printable, shorten

if TYPE_CHECKING:
    from eyebright.model.predictor import Predictor
    from eyebright.model.stream import LazyImage
    from eyebright.trust.prediction import Prediction, Unreadable

EXAMPLES = (
    "eyebright predict flowers_run red_sunflower.jpg",
    "eyebright predict lights_run street.jpg --figure lights.png",
)
NO_REFERENCE = (
    "This model gives an answer for every image, also for one that is unlike its\n"
    "training images: it does not know them. Models trained with this version do."
)
_NAME_WIDTH, _LABEL_WIDTH, _CLASS_WIDTH, _BAR = 44, 22, 24, 30
_TOP = 5
_SUMMED = 10  # images from which on the answers are counted


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder, a run, or an exported model.")],
    pictures: Annotated[
        list[str],
        typer.Argument(metavar="PICTURES", help="Files, folders or http(s) addresses; - reads one image from stdin."),
    ],
    top: Annotated[
        int, typer.Option(min=1, help="Number of classes to show for a single image, and in a figure.")
    ] = _TOP,
    promise: Annotated[
        str, typer.Option(help="Answer so that this is kept, such as accuracy=0.95, by the images held back for one.")
    ] = "",
    tta: Annotated[
        bool, typer.Option("--tta", help="Average the predictions for each image and its mirror image.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a CSV table.")] = False,
    figure: Annotated[
        Path | None, typer.Option(help="Draw the images with their predictions in this PNG file.", show_default=False)
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="For a detector: show objects from this confidence on [default: the model's own]", show_default=False
        ),
    ] = None,
    then: Annotated[
        Path | None,
        typer.Option(
            metavar="CLASSIFIER",
            show_default=False,
            help="For a detector: cut out each object with a margin, and let this classifier name it.",
        ),
    ] = None,
    coco: Annotated[
        Path | None,
        typer.Option(help="For a detector: write the objects into this JSON file, as COCO does.", show_default=False),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
) -> None:
    """Predict the class of images, or find the objects in them.

    The exit code is 1 if an image cannot be opened; the others are predicted all the same.
    """
    from eyebright.cli.objects import Asked, predict_objects
    from eyebright.tasks.detection.model.card import is_detector, is_exported_detector

    if is_detector(model) or is_exported_detector(model):
        refuse({"--promise": promise, "--tta": tta, "--top": top != _TOP}, "a detector")
        predict_objects(model, pictures, Asked(threshold, then, as_json, as_csv, coco, figure, overwrite))
        return
    refuse({"--threshold": threshold is not None, "--then": then, "--coco": coco}, "a classifier")
    if as_json and as_csv:
        raise SettingsError("use only one of --json and --csv")
    if figure:
        require_png(figure, pictures, option="--figure", overwrite=overwrite)
    predictor = _open(model, promise)
    predictor = predictor.with_tta() if tta else predictor
    failed = _predict_classes(predictor, sources_of(pictures), top, figure, as_json=as_json, as_csv=as_csv)
    if failed:
        raise typer.Exit(1)


def _predict_classes(
    predictor: "Predictor",
    sources: "list[tuple[str, LazyImage]]",
    top: int,
    figure: Path | None,
    *,
    as_json: bool,
    as_csv: bool,
) -> int:
    """Print an answer for each image, and draw the first ones; how many images cannot be opened."""
    from eyebright.trust.prediction import UNLIKE, Prediction

    if figure:
        from eyebright.report.sheets import MAX_SHOWN
    single = len(sources) == 1 and not (as_json or as_csv)
    drawn: list[tuple[Prediction, LazyImage]] = []  # what the figure needs
    named: Counter[str] = Counter()  # how many images got each answer
    unlike = 0
    if as_csv:
        print_csv("name", "label", "confidence", "unfamiliarity", "reason", "labels", "error")
    for (_, source), answer in zip(sources, predictor.stream(sources), strict=True):
        _print(answer, top if single else 0, as_json=as_json, as_csv=as_csv)
        if isinstance(answer, Prediction):
            named[answer.label or "no answer"] += 1
            unlike += answer.reason == UNLIKE
        if figure and isinstance(answer, Prediction) and named.total() <= MAX_SHOWN:
            drawn.append((answer, source))
        elif isinstance(source, Fetched):
            source.forget()
    if figure and drawn:
        _draw(figure, predictor, drawn, named.total(), top)
    if named.total() >= _SUMMED and not (as_json or as_csv):
        answers = [f"{printable(name)} ({count:,})" for name, count in named.most_common()]
        typer.echo(message(f"{counted(named.total(), 'image')}: {listed(answers)}"), err=True)
    if unlike and not single:
        are = "image is" if unlike == 1 else "images are"
        typer.echo(f"{unlike:,} {are} unlike the training images (unfamiliarity above 1.0): no answer.", err=True)
    return len(sources) - named.total()


def _open(model: Path, promise: str) -> "Predictor":
    """What predicts: a model, answering so that a promise is kept, or an exported one by its own runtime."""
    from eyebright.model.export.exported import is_export
    from eyebright.model.folder import read_model
    from eyebright.model.predictor import Predictor

    if is_export(model):
        from eyebright.model.export.predictor import open_export

        if promise:
            raise SettingsError("--promise is for models: export one that keeps the promise")
        exported, predictor = open_export(model)
        known = exported.card.unfamiliarity
    else:
        stored = read_model(model)
        known, predictor = stored.reference.unknown is not None, Predictor.of_model(stored)
    if not known:
        typer.echo(NO_REFERENCE, err=True)
    if promise:
        from eyebright.model.promise import prove_promise, require_held_back

        held_back = require_held_back(promise, stored.reference.held_back, model)
        predictor = predictor.with_promise(prove_promise(promise, held_back, stored.card.classes))
    return predictor


def _print(answer: "Prediction | Unreadable", top: int, *, as_json: bool, as_csv: bool) -> None:
    """Print one answer as a JSON line, a CSV line, a line of a table, or (with `top`) a sentence with bars."""
    from eyebright.trust.prediction import UNLIKE, Unreadable

    name = printable(answer.name)
    if as_json:
        print_json(answer)
    elif isinstance(answer, Unreadable):
        if as_csv:
            print_csv(answer.name, "", "", "", "", "", answer.error)
        elif top:
            typer.echo(f"Error: {name}: {printable(answer.error)}", err=True)
        else:
            typer.echo(f"{pad(shorten(name, _NAME_WIDTH), _NAME_WIDTH)}  cannot be opened: {printable(answer.error)}")
    elif as_csv:
        unlike = "" if answer.unfamiliarity is None else f"{answer.unfamiliarity:.6f}"
        among = " or ".join(answer.labels)
        print_csv(answer.name, answer.label or "", f"{answer.confidence:.6f}", unlike, answer.reason, among, "")
    elif top:
        typer.echo(prediction_text(answer, top))
    elif answer.labels:
        labels = shorten(printable(answer.answer), _LABEL_WIDTH + 9)  # also in place of the confidence
        typer.echo(f"{pad(shorten(name, _NAME_WIDTH), _NAME_WIDTH)}  {labels}")
    elif answer.label is None:
        why = f"unlike training ({answer.unfamiliarity:.2f})" if answer.reason == UNLIKE else answer.reason
        typer.echo(f"{pad(shorten(name, _NAME_WIDTH), _NAME_WIDTH)}  no answer: {why.removeprefix('confidence ')}")
    else:
        label = pad(shorten(printable(answer.label), _LABEL_WIDTH), _LABEL_WIDTH)
        typer.echo(f"{pad(shorten(name, _NAME_WIDTH), _NAME_WIDTH)}  {label}  {answer.confidence:7.2%}")


def prediction_text(prediction: "Prediction", top: int) -> str:
    """The prediction for one image as a sentence, with bars for the `top` most probable classes."""
    confidence = f"{100 * prediction.confidence:.2f} percent"
    lines = [f"This image most likely belongs to {printable(prediction.best)} with a {confidence} confidence."]
    if prediction.labels:
        lines = [f"The set of labels of this image: {printable(prediction.answer)}."]
    if prediction.label is None:
        lines = [f"{prediction.answer.capitalize()}.", "The most probable of the classes that the model knows:"]
    best = [
        (shorten(printable(name), _CLASS_WIDTH), share) for name, share in list(prediction.probabilities.items())[:top]
    ]
    width = max(columns(name) for name, _ in best)
    lines += [f"  {pad(name, width)}  {share:7.2%}  {'█' * round(_BAR * share)}".rstrip() for name, share in best]
    return "\n".join(lines)


def _draw(figure: Path, predictor: "Predictor", drawn: "list[tuple[Prediction, LazyImage]]", of: int, top: int) -> None:
    """Draw the first images as the network receives them; a folder with the name of a class is their true class."""
    from eyebright.data.pictures import open_picture
    from eyebright.model.stream import loaded
    from eyebright.report.sheets import Shown, draw_sheet
    from eyebright.system import files

    shown = []
    for answer, source in drawn:
        folder = unicodedata.normalize("NFC", Path(answer.name).absolute().parent.name)  # as classes are written
        pixels = open_picture(loaded(source), predictor.preparation)
        shown.append(Shown(pixels, answer, folder if folder in predictor.classes else None))
    files.write_file(figure, draw_sheet(shown, top=top))
    typer.echo(f"Written: {figure}" + (f" (the first {len(drawn)} of {of:,})" if of > len(drawn) else ""), err=True)
