"""eyebright import: a model that another program has trained, as a model of eyebright."""

from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from eyebright.system.errors import SettingsError

EXAMPLES = ("eyebright import keras_model.h5 --scale -1-1 --resize crop -o imported",)
_SIZES = "expected --size 224, or height x width as in --size 224x192"


def import_model(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A model of Keras (.keras, .h5), or an ONNX classifier (.onnx).")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="MODEL", help="The model folder to write.")],
    scale: Annotated[
        str,
        typer.Option(
            help="How the pixels were scaled in its training, unless its own layers do that: 0-255, 0-1, -1-1, "
            "imagenet or imagenet-caffe.",
            show_default=False,
        ),
    ] = "",
    classes: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="The names of the classes, one a line; or the word numbered, which calls them class_0, class_1 and "
            "so on [default: those of the exported folder, or labels.txt beside the file]",
            show_default=False,
        ),
    ] = "",
    resize: Annotated[
        str,
        typer.Option(
            help="How images were resized in its training: stretch (Keras), crop (Teachable Machine) or pad. [default: "
            "as the exported folder says, or stretch]",
            show_default=False,
        ),
    ] = "",
    size: Annotated[
        str, typer.Option(help="Size of the images, for a model that takes any.", metavar="PIXELS", show_default=False)
    ] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model that exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Import a model of Keras, Teachable Machine or PyTorch (ONNX).

    All commands take the result. The other program is not needed, and no code in the file is run. The pixels
    must be scaled as in the training of the model: it is refused where neither the file nor --scale says how.
    """
    from eyebright.data.pictures import Fit
    from eyebright.model.importing.import_model import import_model as imported
    from eyebright.system import records

    if resize and resize not in get_args(Fit):
        raise SettingsError(f"unknown resize mode {resize!r}: expected crop, pad or stretch")
    model = imported(file, scale=scale, classes=classes, resize=cast("Fit | None", resize or None), size=_pair(size))
    model.save(output, overwrite=overwrite)
    record = {
        "model": str(output),
        "imported": model.learned.imported,
        "classes": model.classes,
        "size": model.preparation.shape[:2],
        "resize": model.preparation.fit,
        "parameters": model.network.parameter_count,
    }
    if as_json:
        typer.echo(records.to_json(record))
        return
    height, width, _ = model.preparation.shape
    typer.echo(f"Imported {model.learned.imported}: {len(model.classes):,} classes, images of {width}x{height} pixels.")
    typer.echo(f"Model saved: {output}")
    typer.echo(f"To check it: eyebright evaluate {output} PICTURES")


def _pair(text: str) -> tuple[int, int] | None:
    """(height, width) of --size; None if it is not given."""
    if not text:
        return None
    try:
        height, width = (int(part) for part in (text.lower().split("x") * 2)[:2])
    except ValueError as problem:
        raise SettingsError(f"{_SIZES}, got {text!r}") from problem
    return height, width
