"""eyebright export: a model in the format of another program, which proves that it answers as before."""

from pathlib import Path
from typing import Annotated

import typer

from eyebright.model.export import NAMES

EXAMPLES = ("eyebright export flowers_run --to onnx -o flowers_onnx",)


def export(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A model folder, or a run.")],
    to: Annotated[str, typer.Option("--to", metavar="FORMAT", help=f"{', '.join(NAMES)}.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="The folder to write.")],
    pictures: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="PICTURES",
            help="Images with known classes to prove it on; the validation images of the run unless given.",
            show_default=False,
        ),
    ] = None,
    precision: Annotated[
        str,
        typer.Option(help="float32, float16, bfloat16 or int8, as far as the format has them.", show_default=False),
    ] = "",
    tolerance: Annotated[
        float, typer.Option(min=0, max=1, help="How much accuracy fewer bits than float32 may lose.")
    ] = 0.01,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an export that exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the proof and the files as JSON.")] = False,
) -> None:
    """Write a model in the format of another program.

    The folder has the model, the code that prepares images and runs it without eyebright, and a check. The same images
    go through the model and the export; where the answers differ, nothing is written.
    """
    import msgspec

    from eyebright.report.progress import Display
    from eyebright.report.screen import Terminal, console
    from eyebright.runs.export import export as exported
    from eyebright.system import records
    from eyebright.system.text import message, size_text
    from eyebright.tasks.detection.model.card import is_detector

    if is_detector(model):
        _export_detector(model, to, output, pictures, precision, overwrite=overwrite, as_json=as_json)
        return
    with Display(Terminal(console(stderr=True))) as display:
        made = exported(
            model, to, output, pictures, precision=precision, tolerance=tolerance, overwrite=overwrite,
            callbacks=[display],
        )  # fmt: skip
    folder, proof, note = made
    if as_json:
        described = {"folder": str(output), "to": to, "files": folder.sizes(), "proof": msgspec.to_builtins(proof)}
        typer.echo(records.to_json(described | ({"note": note} if note else {})))
        return
    for name, size in folder.sizes().items():
        typer.echo(f"  {name:<40}  {size_text(size):>9}")
    for sentence in filter(None, [note, *proof.sentences(), "Its check.py passes without eyebright."]):
        typer.echo(message(sentence))
    typer.echo(f"Exported: {output}")
    typer.echo(f"To compare: eyebright predict {output} IMAGES")


def _export_detector(
    model: Path, to: str, output: Path, pictures: str | None, precision: str, *, overwrite: bool, as_json: bool
) -> None:
    import msgspec

    from eyebright.system import records
    from eyebright.system.errors import SettingsError
    from eyebright.system.text import message
    from eyebright.tasks.detection.model.detector import Detector
    from eyebright.tasks.detection.model.export import export_detector

    if pictures is not None or precision not in ("", "float32"):
        raise SettingsError(
            "a detector is exported in float32 and proven on synthetic images: leave out --on and --precision"
        )
    proof = export_detector(Detector.load(model), to, output, overwrite=overwrite)
    if as_json:
        typer.echo(records.to_json({"folder": str(output), "to": to, "proof": msgspec.to_builtins(proof)}))
        return
    for sentence in (*proof.sentences(), "Its check.py passes without eyebright."):
        typer.echo(message(sentence))
    typer.echo(f"Exported: {output}")
    typer.echo(f"To use it: python {output / 'detect.py'} IMAGES")
    typer.echo(f"To compare: eyebright predict {output} IMAGES")
