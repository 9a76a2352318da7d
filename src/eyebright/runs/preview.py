"""preview(): what the network will see of a set of images, before a training."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eyebright.data.batches import content_order
from eyebright.data.cropping import lost_of
from eyebright.data.dataset import Dataset
from eyebright.data.pack import Pack
from eyebright.data.pictures import Preparation, crop_box, decode, resize_picture
from eyebright.data.prepare import prepare
from eyebright.report.sentences import RESIZED, resize_text
from eyebright.report.sheets import PreviewRow, draw_preview
from eyebright.runs.auto import backbone_px
from eyebright.runs.request import Resize
from eyebright.runs.start import choose_resize, mirrored_by_evidence
from eyebright.system.errors import DataError, MissingExtraError
from eyebright.system.text import printable
from eyebright.training import trainer
from eyebright.training.settings import Settings

MOST = 8  # images on a sheet
DRAWS = 4  # of each, as training changes it
_WHOLE_PX = 256


class Preview(NamedTuple):
    """A sheet as the content of a PNG file, and notes about it."""

    sheet: bytes
    notes: list[str]


def preview(
    dataset: Dataset,
    pack: Pack,
    *,
    size: int | None = None,
    resize: Resize = "auto",
    settings: Settings | None = None,
) -> Preview:
    """Draw what the network will see: one image of each class, of eight classes at most.

    Args:
        dataset: The images.
        pack: Any pack of them.
        size: Height and width in pixels; as `train` chooses unless given.
        resize: How they are resized; as `train` chooses unless given.
        settings: How training changes them; by default as `train` does, which mirrors only what may be mirrored.

    Raises:
        PictureError: When an image can no longer be opened.
    """
    settings = _usual(dataset, pack) if settings is None else settings
    side = backbone_px(dataset.typical_side()) if size is None else size
    chosen = choose_resize(dataset, resize)
    preparation = Preparation(width=side, height=side, fit=chosen.fit)
    where = examples(dataset, pack)
    wholes = (decode(dataset.source.open(index)) for index in where.tolist())  # one at a time: they may be large
    shown = [(_cut(whole, preparation), resize_picture(whole, preparation)) for whole in wholes]
    draws, notes = _draws(np.stack([seen for _, seen in shown]), pack.digests.at(where).keys, settings)
    rows = [
        PreviewRow(printable(dataset.classes[label]), *cut, seen, drawn)
        for label, (cut, seen), drawn in zip(dataset.labels[where].tolist(), shown, draws, strict=True)
    ]
    how = RESIZED[chosen.fit]
    warning = resize_text(chosen)
    sheet = draw_preview(rows, f"Input of the network: {side} x {side} pixels, {how}", warning)
    return Preview(sheet, [*([warning] if warning else []), *notes])


def examples(dataset: Dataset, pack: Pack) -> NDArray[np.int64]:
    """One image of each class, of at most eight classes evenly spread; the same images give the same ones."""
    order = content_order(pack, dataset.labels, np.flatnonzero(pack.rows >= 0))
    _, first = np.unique(dataset.labels[order], return_index=True)
    spread = np.linspace(0, len(first) - 1, min(MOST, len(first)))
    return order[first[np.round(spread).astype(np.int64)]]


def _usual(dataset: Dataset, pack: Pack) -> Settings:
    """How `train` changes images by default."""
    try:
        prepared = prepare(dataset, pack.preparation)
    except DataError:  # too few images to train on, which does not matter here
        return Settings()
    return mirrored_by_evidence(prepared, Settings(), lambda event: None)


def _draws(
    seen: NDArray[np.uint8], keys: NDArray[np.uint64], settings: Settings
) -> tuple[NDArray[np.uint8], list[str]]:
    """The images in the first epochs, `(N, n, H, W, 3)`; none where training changes nothing or is not installed."""
    none = np.empty((len(seen), 0, *seen.shape[1:]), np.uint8)
    if not settings.augmented:
        return none, []
    try:
        shown = trainer().shown
    except MissingExtraError as problem:
        return none, [f"Augmentation is not shown: {problem}."]
    return np.stack([shown(seen, keys, settings, epoch) for epoch in range(1, DRAWS + 1)], axis=1), []


def _cut(
    whole: Image.Image, preparation: Preparation
) -> tuple[NDArray[np.uint8], tuple[float, float, float, float], float]:
    """The whole image, small; what is kept of it, as shares of its sides; and what share of its detail is lost."""
    cropped = preparation.fit == "crop"
    left, top, right, bottom = crop_box(*whole.size, preparation) if cropped else (0, 0, *whole.size)
    box = (left / whole.width, top / whole.height, right / whole.width, bottom / whole.height)
    lost = lost_of(whole, preparation.width / preparation.height) if cropped else 0.0
    small = whole.copy()
    small.thumbnail((_WHOLE_PX, _WHOLE_PX))
    return np.asarray(small), box, lost
