"""eyebright evaluate: how good a model is on images that it was not trained on."""

from pathlib import Path
from typing import Annotated

import typer

from eyebright.cli.pictures import refuse
from eyebright.runs.request import Unlabelled
from eyebright.system.text import counted

EXAMPLES = ("eyebright evaluate flowers_run more_flower_photos",)


def evaluate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder, or a run.")],
    pictures: Annotated[
        str,
        typer.Argument(
            metavar="PICTURES",
            help="A folder with one folder of images for each class, or any other source that train accepts; for a "
            "detector, images with boxes.",
        ),
    ],
    corrections: Annotated[
        Path | None, typer.Option(help="Apply this corrections file, as for train.", show_default=False)
    ] = None,
    promise: Annotated[
        str, typer.Option(help="Check this promise, such as accuracy=0.95, by the images that were held back for one.")
    ] = "",
    tta: Annotated[
        bool, typer.Option("--tta", help="Average the predictions for each image and its mirror image.")
    ] = False,
    robustness: Annotated[
        bool,
        typer.Option("--robustness", help="Also measure the accuracy on up to 500 images with mild corruptions."),
    ] = False,
    unlabelled: Annotated[
        Unlabelled | None,
        typer.Option(help="For a detector: what images without labels are, as for train.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print all results as JSON.")] = False,
) -> None:
    """Evaluate a model on images with known classes or boxes.

    Images that the model was trained on are left out and counted.
    """
    from eyebright.report.progress import Display
    from eyebright.report.screen import Terminal, console
    from eyebright.report.tables import evaluation_text
    from eyebright.runs.evaluate import evaluate as evaluated
    from eyebright.system import records
    from eyebright.tasks.detection.model.card import is_detector

    if is_detector(model):
        options = {"--corrections": corrections, "--promise": promise, "--tta": tta, "--robustness": robustness}
        refuse(options, "a detector")
        _evaluate_detector(model, pictures, unlabelled or "refuse", as_json=as_json)
        return
    with Display(Terminal(console(stderr=True))) as display:
        evaluation = evaluated(
            model, pictures, corrections=corrections or "", promise=promise, tta=tta, robustness=robustness,
            callbacks=[display],
        )  # fmt: skip
    if as_json:
        typer.echo(records.to_json(evaluation))
    else:
        console().print(evaluation_text(evaluation), soft_wrap=True)


def _evaluate_detector(model: Path, pictures: str, unlabelled: Unlabelled, *, as_json: bool) -> None:
    from eyebright.report.progress import Display
    from eyebright.report.screen import Terminal, console
    from eyebright.system import records
    from eyebright.tasks.detection.data.dataset import BoxDataset
    from eyebright.tasks.detection.model.detector import Detector
    from eyebright.tasks.detection.model.evaluate import evaluate_detector
    from eyebright.training.receivers import reporting

    with Display(Terminal(console(stderr=True))) as display:
        report, detector = reporting(display), Detector.load(model)
        dataset = BoxDataset.open(pictures, unlabelled=unlabelled, one_class=detector.card.one_class, report=report)
        evaluation = evaluate_detector(detector, dataset, report=report).evaluation
    if as_json:
        typer.echo(records.to_json(evaluation))
        return
    console().print(evaluation.as_table().text(), soft_wrap=True, markup=False, highlight=False)
    for count, reason in (
        (evaluation.seen, "the model was trained on them or selected by them"),
        (evaluation.left_out, "cannot be opened"),
    ):
        if count:
            typer.echo(f"{counted(count, 'image')} left out: {reason}.")
