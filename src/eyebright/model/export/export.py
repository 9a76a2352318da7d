"""Writing an export: a folder that appears as a whole, and only when it answers as the model does."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from eyebright.model.card_file import write_card
from eyebright.model.export import recipe
from eyebright.model.export.compare import compare
from eyebright.model.export.exported import ANSWERING, CARD, Exported, Precision
from eyebright.model.export.formats import ExportSource, Format, Runner, named_format
from eyebright.model.export.images import ProofImages, synthetic_images
from eyebright.model.export.proof import PROOF, Proof, golden_tolerance, require_proven
from eyebright.model.golden import golden_pictures
from eyebright.system import files, machine, records
from eyebright.system.errors import SettingsError
from eyebright.system.progress import Report, quiet


def write_export(
    source: ExportSource,
    model: Runner,
    to: str,
    folder: Path,
    *,
    precision: str = "",
    images: ProofImages | None = None,
    tolerance: float = 0.01,
    overwrite: bool = False,
    report: Report = quiet,
) -> tuple[Exported, Proof]:
    """Write a model in a foreign format, with what it takes to use it, and prove that it answers as the model does.

    Args:
        source: The model.
        model: Gives the answers of the model for prepared images.
        to: The name of the format.
        folder: The folder to write.
        precision: The numbers of the export; the usual ones of the format unless given.
        images: Images to prove it on; synthetic ones unless given.
        tolerance: How much accuracy fewer bits than float32 may lose, 0 to 1.
        overwrite: Replace an export that exists.
        report: Receives the progress.

    Returns:
        The folder, and how it was compared with the model.

    Raises:
        SettingsError: When there is no such format or precision.
        MissingExtraError: When the runtime of the format is not installed.
        NetworkError: When the format cannot say what is in the network.
        ModelError: When the export answers differently from the model.
        OutputError: When the folder exists, or cannot be written.
    """
    target = named_format(to)
    chosen = target.precision(precision)
    if not 0 <= tolerance <= 1:
        raise SettingsError(f"tolerance must be from 0 to 1, got {tolerance:g}")
    target.require_runtime()
    files.require_free(folder, overwrite=overwrite, made_with=[CARD])
    content = target.write(source, chosen)
    files.require_space(folder, 2 * sum(map(len, content.values())), what="the export")
    images = synthetic_images(source.preparation) if images is None else images
    with files.new_folder(folder, overwrite=overwrite, made_with=[CARD]) as place:
        made = _write(place, target, source, chosen, content)
        run, golden = target.load(made), golden_pictures(source.preparation)[1]
        proof = compare(
            model, run, images, precision=chosen, tolerance=target.tolerance, thresholds=made.thresholds,
            versions=made.card.versions, report=report,
        )  # fmt: skip
        require_proven(proof, target.title, tolerance)
        if target.witness is not None:
            proof = msgspec.structs.replace(proof, notes=tuple(target.witness(made, images.pixels, model)))
        answers = (model if chosen == "float32" else run)(golden)
        made = _add(made, recipe.golden_files(made.card, answers))
        _add(made, {PROOF: records.to_json(proof).encode()})
        (place / "README.md").write_bytes(recipe.readme(target, made.card, proof.sentences()))
        recipe.run_check(place, f"the {target.title} export")
    return Exported(folder, made.card), proof


def _write(
    place: Path, target: Format, source: ExportSource, precision: Precision, content: Mapping[str, bytes]
) -> Exported:
    """The folder with all that does not depend on answers."""
    versions = machine.versions(*target.runtime)
    main_first = tuple(sorted(content, key=lambda name: name != target.main))
    card = recipe.card_of(
        target, source, versions, precision=precision, files=main_first,
        tolerance=golden_tolerance(precision, target.tolerance),
    )  # fmt: skip
    added = {} if target.in_graph else {ANSWERING: recipe.answering_arrays(source)}
    return _add(Exported(place, card), {**content, **added, **recipe.programs(target)})


def _add(made: Exported, content: Mapping[str, bytes]) -> Exported:
    """Write more files, and their digests into the card."""
    digests = dict(made.card.sha256)
    for name, data in content.items():
        path = made.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        digests[name] = files.sha256(path)
    return Exported(made.path, write_card(made.path / CARD, msgspec.structs.replace(made.card, sha256=digests)))
