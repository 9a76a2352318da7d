"""Events of how a run starts, or is resumed: its images, their split, and its network. `pictures` counts images."""

from eyebright.data.corrections import Applied
from eyebright.data.pictures import Fit
from eyebright.data.split import Leaks
from eyebright.training.events.event import Event


class RunStarted(Event, frozen=True):
    """A run starts: its images, their split, and its network.

    `left_out` names the images that cannot be opened. `leaking` counts images left out because an exact duplicate is in
    the validation or test set. `naive_leak` is the share of test images that would have a near-duplicate in the
    training set with a random split. `leaks` counts images that have one in another set with the split that is used.
    `absent` names the classes without validation images. `held_back` counts images that are held back for a promise.
    `asked` is the share of images that was asked for outside of the training set, 0 to 1; 0 where the split is given.
    `data_sha256` identifies the images and boxes of a detector.
    """

    pictures: str
    network: str
    size: int
    seed: int
    epochs: int
    classes: tuple[str, ...]
    train: int
    validation: int
    test: int
    left_out: tuple[str, ...]
    leaking: int
    parameters: int
    versions: dict[str, str]
    naive_leak: float = 0.0
    leaks: tuple[Leaks, ...] = ()
    absent: tuple[str, ...] = ()
    held_back: int = 0
    asked: float = 0.0
    data_sha256: str = ""


class BoxesChecked(Event, frozen=True):
    """Boxes that a training does not use: how many by reason, with up to three `examples` of each.

    `clipped` counts boxes that went a little over the edge. `notices` are sentences about the files with the labels.
    """

    unused: dict[str, int]
    examples: dict[str, tuple[str, ...]]
    clipped: int = 0
    notices: tuple[str, ...] = ()


class SidesNamed(Event, frozen=True):
    """Images are not mirrored, because the names of these classes say left or right."""

    classes: tuple[str, ...]


class SizeChosen(Event, frozen=True):
    """The size of a detector's images: larger than `usual` where objects are small, `wanted` if the time allowed it.

    `object_px` is the side of a typical object in images of the usual size.
    """

    size: int
    wanted: int
    object_px: float
    usual: int


class ViewsKept(Event, frozen=True):
    """How many views of each training image a detector learns from, and the size of them in the cache.

    Fewer than `wanted` where the disk has no room for them, or, if `by_time`, the budget no time. Without room for one,
    none is kept.
    """

    views: int
    wanted: int
    kept: bool
    size_bytes: int
    by_time: bool = False


class Corrected(Event, frozen=True):
    """Corrections were applied to so many images; `missing` and `changed` name those to which they could not be.

    `duplicates` of the relabelled images had no decision of their own, but the pixels of one.
    """

    path: str
    relabelled: int
    excluded: int
    kept: int
    duplicates: int = 0
    missing: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    @classmethod
    def of(cls, applied: Applied) -> "Corrected":
        """The event of corrections that were applied."""
        return cls(
            path=str(applied.path), relabelled=len(applied.names("relabel")), excluded=len(applied.names("exclude")),
            kept=len(applied.names("keep")), duplicates=applied.duplicates, missing=applied.missing,
            changed=applied.changed,
        )  # fmt: skip


class FitChosen(Event, frozen=True):
    """How images with another aspect ratio are resized; `lost` is the share of a typical image that is cropped."""

    fit: Fit
    lost: float


class Streaming(Event, frozen=True):
    """The disk has no room for the prepared images, so each is opened again whenever it is needed.

    `size_bytes` is the size of all prepared images.
    """

    pictures: int
    size_bytes: int


class Resumed(Event, frozen=True):
    """A run is resumed after so many complete epochs, and so many images of the next one."""

    epoch: int
    pictures: int = 0


class Extended(Event, frozen=True):
    """More epochs than `planned` are requested; after those, the learning rate starts again at `learning_rate`."""

    planned: int
    epochs: int
    learning_rate: float


class PicturesGone(Event, frozen=True):
    """Images that were removed, or can no longer be opened, since the run started; they are left out from now on."""

    names: tuple[str, ...]
