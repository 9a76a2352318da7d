"""What the commands do where the model is a detector: find objects, print them, draw them, cut them out.

predict, evaluate and inspect come here when the folder that they are given holds a detector. Options that mean nothing
for one are refused.
"""

import csv
import io
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import typer

from eyebright.cli.pictures import Fetched, require_free, require_png, sources_of
from eyebright.system.errors import SettingsError
from eyebright.system.text import counted, listed, pad, printable, printed_cell, shorten

if TYPE_CHECKING:
    from eyebright.model.inspect import LoadedNetwork
    from eyebright.model.predictor import LazyImage, Predictor
    from eyebright.tasks.detection.model.naming import NamedObjects
    from eyebright.tasks.detection.model.predictor import FoundObjects
    from eyebright.tasks.detection.report.drawing import Framed
    from eyebright.trust.prediction import Unreadable

    Answer: TypeAlias = FoundObjects | NamedObjects

_NAME_WIDTH, _CLASS_WIDTH, _CLASSES_SHOWN = 36, 14, 2
_COLUMNS = ("name", "class", "confidence", "x1", "y1", "x2", "y2")
_NAMED_COLUMNS = ("named", "named_confidence", "reason")


class Asked(NamedTuple):
    """How what is found is told.

    Args:
        threshold: The confidence from which on objects are shown; None for the model's own.
        then: A classifier that names each object.
        as_json: One JSON object per line.
        as_csv: A CSV table.
        coco: A file in the format of COCO.
        figure: A PNG file.
        overwrite: Whether files that exist may be replaced.
    """

    threshold: float | None = None
    then: Path | None = None
    as_json: bool = False
    as_csv: bool = False
    coco: Path | None = None
    figure: Path | None = None
    overwrite: bool = False


def predict_objects(model: Path, pictures: list[str], asked: Asked) -> None:
    """Find objects in images, and print what was asked for; the exit code is 1 if an image cannot be opened."""
    from eyebright.model.engine import Engine
    from eyebright.tasks.detection.model.card import read_detector
    from eyebright.tasks.detection.model.predictor import DetectionPredictor
    from eyebright.trust.prediction import Unreadable

    _require(asked, pictures)
    stored, classifier = read_detector(model), _classifier(asked.then)
    sources = sources_of(pictures)
    found = DetectionPredictor(Engine.of_model(stored), stored.card).stream(sources, threshold=asked.threshold)
    kept = _Kept(asked, stored.card.classes, classifier.classes if classifier else (), single=len(sources) == 1)
    if asked.as_csv:
        _print_csv(*_COLUMNS, *(_NAMED_COLUMNS if classifier else ()), "error")
    failed = 0
    for (_, source), answer in zip(sources, _named(sources, found, classifier), strict=True):
        _print(answer, asked, single=len(sources) == 1)
        if isinstance(answer, Unreadable):
            failed += 1
        else:
            kept.add(source, answer)
        if isinstance(source, Fetched):
            source.forget()
    kept.write()
    if failed:
        raise typer.Exit(1)


def _require(asked: Asked, pictures: list[str]) -> None:
    """Refuse wrong options before the work starts."""
    if asked.as_json and asked.as_csv:
        raise SettingsError("use only one of --json and --csv")
    if asked.threshold is not None and not 0 < asked.threshold <= 1:
        raise SettingsError(f"--threshold is a confidence above 0, up to 1; got {asked.threshold:g}")
    if asked.coco and asked.coco.suffix.lower() != ".json":
        raise SettingsError(f"--coco expects a JSON file, got {asked.coco}: use {asked.coco.with_suffix('.json').name}")
    if asked.coco:
        for source in pictures:
            require_free([asked.coco], source, overwrite=asked.overwrite)
    if asked.figure:
        require_png(asked.figure, pictures, option="--figure", overwrite=asked.overwrite)


def _classifier(model: Path | None) -> "Predictor | None":
    """What names each object; an error if it is a detector itself."""
    from eyebright.model.folder import read_model
    from eyebright.model.predictor import Predictor
    from eyebright.tasks.detection.model.card import is_detector

    if model is None:
        return None
    if is_detector(model):
        raise SettingsError(f"--then needs a classifier, and {model} is a detector: give a run of a classifier")
    return Predictor.of_model(read_model(model))


def _named(
    sources: "list[tuple[str, LazyImage]]", found: "Iterable[FoundObjects | Unreadable]", classifier: "Predictor | None"
) -> "Iterable[Answer | Unreadable]":
    """What was found, named by a classifier where there is one."""
    if classifier is None:
        return found
    from eyebright.tasks.detection.model.naming import name_objects

    return name_objects(((image, one) for (_, image), one in zip(sources, found, strict=True)), classifier)


def _print(answer: "Answer | Unreadable", asked: Asked, *, single: bool) -> None:
    """Print what was found in an image as a JSON line, lines of CSV, a table, or a line."""
    from eyebright.system import records
    from eyebright.trust.prediction import Unreadable

    name = printable(answer.name)
    if asked.as_json:
        import msgspec

        whole = answer.name.encode("utf-8", "backslashreplace").decode()
        typer.echo(records.to_json(msgspec.structs.replace(answer, name=whole), indent=None))
    elif asked.as_csv:
        for cells in _csv_rows(answer, named=asked.then is not None):
            _print_csv(*cells)
    elif isinstance(answer, Unreadable):
        typer.echo(f"Error: {name}: {printable(answer.error)}", err=True)
    elif single:
        typer.echo(answer.as_table().text())
    else:
        typer.echo(f"{pad(shorten(name, _NAME_WIDTH), _NAME_WIDTH)}  {objects_text(answer)}")


def objects_text(answer: "Answer") -> str:
    """What is in an image in a few words: "3 objects: 2 RBC, 1 WBC"."""
    from eyebright.tasks.detection.model.naming import NamedObject

    if not answer.objects:
        return "nothing found"
    counts = Counter(one.name.answer if isinstance(one, NamedObject) else one.label for one in answer.objects)
    kinds = [f"{count:,} {shorten(printable(label), _CLASS_WIDTH)}" for label, count in counts.most_common()]
    return listed(kinds, _CLASSES_SHOWN)


def _csv_rows(answer: "Answer | Unreadable", *, named: bool) -> "Iterator[tuple[str, ...]]":
    """A line for each object; an image without one, or that cannot be opened, has a line of its own."""
    from eyebright.tasks.detection.model.naming import NamedObject
    from eyebright.trust.prediction import Unreadable

    empty = ("",) * (len(_COLUMNS) - 1 + (len(_NAMED_COLUMNS) if named else 0))
    if isinstance(answer, Unreadable):
        yield (answer.name, *empty, answer.error)
    elif not answer.objects:
        yield (answer.name, *empty, "")
    else:
        for one in answer.objects:
            cells = (answer.name, one.label, f"{one.confidence:.6f}", *(f"{side:.2f}" for side in one.box))
            if isinstance(one, NamedObject):
                cells = (*cells, one.name.label or "", f"{one.name.confidence:.6f}", one.name.reason)
            yield (*cells, "")


def _print_csv(*cells: str) -> None:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(map(printed_cell, cells))
    sys.stdout.buffer.write(line.getvalue().encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()


class _Kept:
    """What the files need that are written at the end: boxes of all images, and small copies of the first ones.

    Args:
        asked: Which files.
        classes: Those of the detector.
        names: Those of the classifier, where there is one.
        single: Whether there is one image, which is drawn large.
    """

    def __init__(self, asked: Asked, classes: Sequence[str], names: Sequence[str], *, single: bool) -> None:
        self._asked, self._classes, self._names, self._single = asked, classes, names, single
        self._found: list[Answer] = []
        self._drawn: list[Framed] = []
        self._answered = 0

    def add(self, source: "LazyImage", answer: "Answer") -> None:
        """Keep what was found in an image."""
        self._answered += 1
        if self._asked.coco:
            self._found.append(answer)
        if self._asked.figure:
            self._draw(source, answer)

    def _draw(self, source: "LazyImage", answer: "Answer") -> None:
        from eyebright.report.sheets import MAX_SHOWN
        from eyebright.tasks.detection.report.showing import framed

        if self._answered <= MAX_SHOWN:
            image = source() if callable(source) else source
            self._drawn.append(framed(image, answer, self._names or self._classes, single=self._single))

    def write(self) -> None:
        """Write the files."""
        from eyebright.system import files, records

        if self._asked.coco:
            from eyebright.tasks.detection.model.coco import as_coco

            files.write_file(self._asked.coco, records.to_json(as_coco(self._found, self._classes)).encode())
            typer.echo(f"Written: {self._asked.coco}", err=True)
        if self._asked.figure and self._drawn:
            from eyebright.tasks.detection.report.drawing import draw_boxes
            from eyebright.tasks.detection.report.showing import legend_of

            classes = self._names or self._classes
            files.write_file(self._asked.figure, draw_boxes(self._drawn, legend_of(self._drawn, classes)))
            of = f" (the first {len(self._drawn)} of {self._answered:,})" if self._answered > len(self._drawn) else ""
            typer.echo(f"Written: {self._asked.figure}{of}", err=True)


def evaluate_objects(model: Path, pictures: str, *, as_json: bool) -> None:
    """Evaluate a detector on images with boxes, and print how good it is."""
    from eyebright.report.screen import console
    from eyebright.system import records
    from eyebright.tasks.detection.data.dataset import BoxDataset
    from eyebright.tasks.detection.model.detector import Detector
    from eyebright.tasks.detection.model.evaluate import evaluate_detector

    evaluation = evaluate_detector(Detector.load(model), BoxDataset.open(pictures)).evaluation
    if as_json:
        typer.echo(records.to_json(evaluation))
        return
    console().print(evaluation.as_table().text(), soft_wrap=True, markup=False, highlight=False)
    if evaluation.seen:
        typer.echo(f"{counted(evaluation.seen, 'image')} left out: the model was trained on them, or chosen by them.")


def network_of(model: Path) -> "LoadedNetwork":
    """The network of a detector, for inspect."""
    from eyebright.model.inspect import LoadedNetwork
    from eyebright.tasks.detection.model.card import read_detector

    stored = read_detector(model)
    return LoadedNetwork(stored.network, stored.weights, stored.preparation, stored.onnx_path, trained=True)
