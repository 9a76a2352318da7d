"""What an export has beside its files: the preparation in words and as a program, golden images with their answers, and
the check that tries both.
"""

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from eyebright.data.pictures import Preparation
from eyebright.model.export.exported import ExportCard
from eyebright.model.export.formats import ExportSource, Format
from eyebright.model.golden import golden_pictures, png, suffix_of
from eyebright.network.answering import NO_ANSWER
from eyebright.system.errors import ModelError
from eyebright.system.text import markdown
from eyebright.trust.answers import Answers

_CHECK_S = 600
_TEMPLATES = resources.files(__package__) / "templates"
_RESIZED = {
    "crop": "Resize it so that it covers {size} pixels, and cut out the centre",
    "pad": "Resize it so that it fits inside {size} pixels, centred on grey (127, 127, 127)",
    "stretch": "Resize it to {size} pixels; its proportions are not kept",
}


def programs(target: Format) -> dict[str, bytes]:
    """The Python programs of a folder: they need the runtime of the format, NumPy and Pillow, and not eyebright."""
    names = ["prepare.py", "classify.py", "check.py", *([] if target.in_graph else ["answering.py"])]
    found = {name: _template(f"{name}.txt") for name in names}
    found["run.py"] = _template(f"{target.name.replace('-', '_')}.py.txt")
    return {name: text.encode() for name, text in found.items()}


def answering_arrays(source: ExportSource) -> bytes:
    """The content of answering.npz: temperature, thresholds where there are any, and the fields of `Familiar`."""
    answering = source.answering
    arrays: dict[str, Any] = {"temperature": np.float64(answering.temperature)}
    arrays |= {} if answering.thresholds is None else {"thresholds": answering.thresholds}
    arrays |= {} if answering.familiar is None else answering.familiar._asdict()
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def golden_files(card: ExportCard, answers: Answers) -> dict[str, bytes]:
    """The golden images, the same prepared, and answers.json with what they must give.

    Args:
        card: What is exported.
        answers: The answers for the prepared golden images.
    """
    sources, prepared = golden_pictures(card.preparation)
    files: dict[str, bytes] = {}
    described = []
    for number, (source, pixels) in enumerate(zip(sources, prepared, strict=True)):
        names = f"image_{number}.{suffix_of(source)}", f"prepared_{number}.png"
        files |= {f"golden/{names[0]}": source, f"golden/{names[1]}": png(pixels)}
        answer, unlike = int(answers.answer[number]), answers.unfamiliarity
        described.append(
            {
                "image": names[0],
                "prepared": names[1],
                "probabilities": dict(zip(card.classes, answers.probabilities[number].tolist(), strict=True)),
                "unfamiliarity": None if unlike is None else float(unlike[number]),
                "answer": None if answer == NO_ANSWER else card.classes[answer],
            }
        )
    return files | {"golden/answers.json": json.dumps(described, indent=1, ensure_ascii=False).encode()}


def run_check(folder: Path, title: str) -> None:
    """Run the check of a folder as its users will, in a process of its own.

    Args:
        folder: The folder of an export.
        title: What is exported, for the message.

    Raises:
        ModelError: When it fails; with its last lines.
    """
    try:
        subprocess.run(
            [sys.executable, "-B", "check.py"], cwd=folder, env=os.environ | {"PYTHONPATH": ""}, check=True, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=_CHECK_S,
        )  # fmt: skip
    except subprocess.SubprocessError as problem:
        lines = "\n".join(str(getattr(problem, "output", None) or problem).strip().splitlines()[-6:])
        raise ModelError(f"the check of {title} fails; nothing was written:\n{lines}") from problem


def readme(target: Format, card: ExportCard, proven: Sequence[str]) -> bytes:
    """The content of README.md.

    Args:
        target: The format.
        card: What is exported.
        proven: Sentences about how the export was compared with the model.
    """
    thresholds = "Any probability is enough for an answer."
    if card.promise is not None:
        thresholds = f"{markdown(card.promise.text)} export.json has it in numbers."
    unlike = (
        "The unfamiliarity says how unlike the training images an image is; above 1 there is no answer."
        if card.unfamiliarity
        else "The model does not know what its training images have in common: it answers for every image."
    )
    parts = [
        f"# An image classifier in {target.title}",
        f"`{target.main}` ({card.precision}) distinguishes {len(card.classes):,} classes: "
        f"{', '.join(map(markdown, card.classes))}.",
        "## How to use it",
        "In a terminal: `python classify.py photo.jpg`. Whether it answers here as where it was made: "
        "`python check.py`. Both need the runtime, NumPy and Pillow, and not eyebright.",
        usage(target.name),
        "## How an image is prepared",
        *in_words(card.preparation),
        "`prepare.py` does this. The model is sensitive: pixels that are prepared in another way change the answers.",
        "## What the answers mean",
        f"The temperature of the softmax is {card.temperature:.4g}; the probabilities are calibrated with it. {unlike}",
        thresholds,
        "## How it was proven",
        *proven,
    ]
    return ("\n\n".join(parts) + "\n").encode()


def usage(name: str) -> str:
    """How an export to a format is used, in a few lines of that world, as Markdown."""
    return _template(f"{name.replace('-', '_')}.md").strip()


def in_words(preparation: Preparation) -> list[str]:
    """How a file becomes the input of the model, as paragraphs."""
    size = f"{preparation.width}x{preparation.height}"
    grey = "Make it grey: 0.299 R + 0.587 G + 0.114 B, rounded." if preparation.channels == 1 else ""
    steps = [
        "Decode the image in full, never at a reduced scale; of an animation, the first frame.",
        "Bring it to 8 bits in RGB. With a colour profile that is not that of sRGB, convert it to sRGB (relative "
        "colorimetric, black point compensation).",
        "Transparent areas become white.",
        "Turn it upright by its EXIF orientation.",
        f"{_RESIZED[preparation.fit].format(size=size)}. Bilinear, with antialiasing (each pixel is a weighted mean of "
        "all pixels that it covers); an image of a million pixels or more is first reduced to the means of blocks, to "
        "no less than three times the size.",
        grey,
        "Give the values as they are, 0 to 255: the model normalises them itself.",
    ]
    return ["\n".join(f"{number}. {step}" for number, step in enumerate(filter(None, steps), 1))]


def card_of(target: Format, source: ExportSource, versions: dict[str, str], **fields: Any) -> ExportCard:
    """The card of an export of a source."""
    thresholds = source.answering.thresholds
    return ExportCard(
        to=target.name,
        classes=source.classes,
        preparation=source.preparation,
        temperature=source.answering.temperature,
        thresholds=None if thresholds is None else tuple(thresholds.tolist()),
        promise=source.promise,
        unfamiliarity=source.answering.familiar is not None,
        versions=versions,
        **fields,
    )


def _template(name: str) -> str:
    return (_TEMPLATES / name).read_text("utf-8")
