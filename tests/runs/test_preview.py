import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from eyebright import Dataset, Preparation
from eyebright.data.pictures import crop_box, resize_picture
from eyebright.runs import preview as previewing
from eyebright.runs.preview import examples, preview
from eyebright.system.errors import MissingExtraError
from eyebright.training import trainer
from eyebright.training.settings import Settings
from eyebright.training.torch.feed import Feed

SMALL = Preparation(width=16, height=16)


def dataset(classes: int, count: int = 3, size: tuple[int, int] = (20, 24)) -> Dataset:
    pixels = np.random.default_rng(classes).integers(0, 256, (classes * count, *size, 3), np.uint8)
    return Dataset.from_arrays(pixels, [f"{number % classes:02d}" for number in range(classes * count)])


@pytest.fixture
def rows(monkeypatch):
    """The arguments of `draw_preview`."""
    drawn = []
    monkeypatch.setattr(previewing, "draw_preview", lambda *given: drawn.append(given) or b"")
    return drawn


@pytest.mark.parametrize(("classes", "shown"), [(2, [0, 1]), (8, [*range(8)]), (43, [0, 6, 12, 18, 24, 30, 36, 42])])
def test_one_image_of_each_class_is_shown_of_at_most_eight_classes(classes, shown):
    pictures = dataset(classes)
    chosen = examples(pictures, pictures.pack(SMALL))
    assert pictures.labels[chosen].tolist() == shown


def test_the_order_of_images_does_not_matter():
    one = dataset(3)
    pixels = [one.source.open(index) for index in range(len(one))]
    order = np.random.default_rng(0).permutation(len(one))
    other = Dataset.from_arrays([pixels[index] for index in order], [f"{one.labels[index]:02d}" for index in order])
    chosen, again = (examples(each, each.pack(SMALL)) for each in (one, other))
    assert [one.source.open(index).tobytes() for index in chosen] == [
        other.source.open(index).tobytes() for index in again
    ]


def test_images_are_shown_as_training_gets_them(rows):
    pictures = dataset(3, size=(20, 30))
    preview(pictures, pictures.pack(SMALL), size=16, resize="crop", settings=Settings(erasing=1.0, hue=0.1))
    pack, chosen = pictures.pack(SMALL), examples(pictures, pictures.pack(SMALL))
    material = trainer().Material(pack, pictures.labels, chosen, chosen)
    settings = Settings(erasing=1.0, hue=0.1)
    feed = Feed(material, settings, 3)
    for number, row in enumerate(rows[0][0]):
        assert np.array_equal(row.prepared, pack.read([chosen[number]])[0])
    for epoch in range(1, previewing.DRAWS + 1):
        batch, labels = next(feed.batches(epoch))
        for picture, label in zip(batch.permute(0, 2, 3, 1).numpy(), labels.tolist(), strict=True):
            drawn = rows[0][0][label].augmented[epoch - 1]
            np.testing.assert_allclose(drawn, np.clip(picture, 0, 255), atol=0.51)


def test_size_and_resizing_are_those_that_train_chooses_with_a_warning(rows):
    wide = dataset(2, size=(60, 180))
    found = preview(wide, wide.pack(SMALL))
    drawn, title, warning = rows[0]
    assert (
        drawn[0].prepared.shape == (128, 128, 3)
        and "padded with grey" in title
        and "cropping would remove 6" in warning
    )
    assert drawn[0].box == (0, 0, 1, 1) and drawn[0].lost == 0 and found.notes == [warning]
    preview(wide, wide.pack(SMALL), resize="crop")
    assert rows[1][0][0].lost == pytest.approx(2 / 3, abs=0.05)
    assert rows[1][0][0].box == pytest.approx((1 / 3, 0, 2 / 3, 1))


@pytest.mark.parametrize(("given", "flips"), [(None, False), (Settings(), True)])
def test_digits_are_mirrored_only_if_that_is_asked_for(rows, monkeypatch, given, flips):
    found, flip = load_digits(), []
    digits = Dataset.from_arrays((found.images[:400] * 15).astype(np.uint8), found.target[:400])

    class Trainer:
        def shown(self, seen, keys, settings, epoch):
            flip.append(settings.flip)
            return seen

    monkeypatch.setattr(previewing, "trainer", Trainer)
    preview(digits, digits.pack(SMALL), size=16, settings=given)
    assert set(flip) == {flips}


def test_without_torch_the_rest_is_drawn_with_a_note(rows, monkeypatch):
    def missing():
        raise MissingExtraError("training needs PyTorch")

    monkeypatch.setattr(previewing, "trainer", missing)
    pictures = dataset(2)
    found = preview(pictures, pictures.pack(SMALL), size=16)
    assert rows[0][0][0].augmented.shape == (0, 16, 16, 3)
    assert any("Augmentation is not shown: training needs PyTorch" in note for note in found.notes)


def test_without_augmentation_no_changed_images_are_shown(rows):
    pictures = dataset(2)
    preview(pictures, pictures.pack(SMALL), size=16, settings=Settings(flip=False, rotation=0, zoom=0))
    assert len(rows[0][0][0].augmented) == 0


@pytest.mark.parametrize("size", [(30, 20), (20, 30), (24, 24), (7, 100)])
def test_the_frame_shows_what_cropping_keeps(size):
    """Pixels outside of it do not matter, except those that the resize mixes in at the edge."""
    left, top, right, bottom = crop_box(*size, SMALL)
    assert right - left == pytest.approx(min(size)) and bottom - top == pytest.approx(min(size))
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8)
    inside = np.zeros_like(pixels)
    kept = np.s_[int(top) : int(np.ceil(bottom)), int(left) : int(np.ceil(right))]
    inside[kept] = pixels[kept]
    seen, again = (resize_picture(Image.fromarray(each), SMALL) for each in (pixels, inside))
    assert np.array_equal(seen[1:-1, 1:-1], again[1:-1, 1:-1])
