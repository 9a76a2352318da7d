"""What predict does where the model is a detector: find objects, name them, print them, draw them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import typer

from eyebright.cli.answers import print_csv, print_json
from eyebright.cli.pictures import Fetched, require_free, require_png, require_suffix, sources_of
from eyebright.system.errors import SettingsError
from eyebright.system.text import listed, pad, printable, shorten

if TYPE_CHECKING:
    from eyebright.model.predictor import Predictor
    from eyebright.model.stream import LazyImage
    from eyebright.tasks.detection.model.naming import NamedObjects
    from eyebright.tasks.detection.model.predictor import DetectionPredictor, FoundObjects
    from eyebright.tasks.detection.report.sheet import Sheet
    from eyebright.trust.prediction import Unreadable

    Answer: TypeAlias = FoundObjects | NamedObjects

_NAME_WIDTH, _CLASS_WIDTH, _CLASSES_SHOWN = 36, 14, 2
_COLUMNS = ("name", "class", "confidence", "x1", "y1", "x2", "y2")
_NAMED_COLUMNS = ("named", "named_confidence", "reason")


class Asked(NamedTuple):
    """How what is found is shown.

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
    from eyebright.trust.prediction import Unreadable

    _require(asked, pictures)
    (predictor, classes), classifier = _open(model), _classifier(asked.then)
    sources = sources_of(pictures)
    single, names = len(sources) == 1, classifier.classes if classifier else classes
    sheet = _sheet(asked, names, single=single)
    found, failed = predictor.stream(sources, threshold=asked.threshold), 0
    kept: list[Answer] = []  # for the file of --coco
    if asked.as_csv:
        print_csv(*_COLUMNS, *(_NAMED_COLUMNS if classifier else ()), "error")
    for (_, source), answer in zip(sources, _named(sources, found, classifier), strict=True):
        _print(answer, asked, single=single)
        if isinstance(answer, Unreadable):
            failed += 1
        else:
            kept += [answer] if asked.coco else []
            if sheet is not None:
                sheet.add(source, answer)
        if isinstance(source, Fetched):
            source.forget()
    _write(asked, kept, names, sheet)
    if failed:
        raise typer.Exit(1)


def _sheet(asked: Asked, names: Sequence[str], *, single: bool) -> "Sheet | None":
    if asked.figure is None:
        return None
    from eyebright.tasks.detection.report.sheet import Sheet

    return Sheet(names, single=single)


def _write(asked: Asked, found: "list[Answer]", names: Sequence[str], sheet: "Sheet | None") -> None:
    """Write the files that were asked for."""
    from eyebright.system import files, records

    if asked.coco:
        from eyebright.tasks.detection.model.coco import as_coco

        files.write_file(asked.coco, records.to_json(as_coco(found, names)).encode())
        typer.echo(f"Written: {asked.coco}", err=True)
    if asked.figure and sheet:
        files.write_file(asked.figure, sheet.draw())
        of = f" (the first {len(sheet)} of {sheet.count:,})" if sheet.count > len(sheet) else ""
        typer.echo(f"Written: {asked.figure}{of}", err=True)


def _require(asked: Asked, pictures: list[str]) -> None:
    """Refuse wrong options before the work starts."""
    if asked.as_json and asked.as_csv:
        raise SettingsError("use only one of --json and --csv")
    if asked.threshold is not None and not 0 < asked.threshold <= 1:
        raise SettingsError(f"--threshold is a confidence above 0, up to 1; got {asked.threshold:g}")
    if asked.coco:
        require_suffix(asked.coco, ".json", option="--coco")
        for source in pictures:
            require_free([asked.coco], source, overwrite=asked.overwrite)
    if asked.figure:
        require_png(asked.figure, pictures, option="--figure", overwrite=asked.overwrite)


def _open(model: Path) -> "tuple[DetectionPredictor, tuple[str, ...]]":
    """What finds objects, of a detector or of an exported one by its own runtime, and the names of its classes."""
    from eyebright.tasks.detection.model.card import is_exported_detector, read_detector

    if is_exported_detector(model):
        from eyebright.tasks.detection.model.exported import read_exported_detector

        exported = read_exported_detector(model)
        return exported.open(), exported.card.classes
    from eyebright.model.engine import Engine
    from eyebright.tasks.detection.model.predictor import DetectionPredictor

    stored = read_detector(model)
    return DetectionPredictor(Engine.of_model(stored), stored.card), stored.card.classes


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
    from eyebright.trust.prediction import Unreadable

    name = printable(answer.name)
    if asked.as_json:
        print_json(answer)
    elif asked.as_csv:
        for cells in _csv_rows(answer, named=asked.then is not None):
            print_csv(*cells)
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
