"""Images that belong to a set: with labels, not excluded, and in a set where the files give sets."""

from pathlib import Path

import pytest

from eyebright.data.sources.folder import FolderSource
from eyebright.system.errors import DataError
from eyebright.tasks.detection.data.labels.annotations import Annotation, FoundBoxes, LabelledImage, Lost
from eyebright.tasks.detection.data.selection import select_images

BOX = Annotation([1, 2, 3, 4], "corners", "dog")


def found(*images, lost=()):
    names = [f"{number}.png" for number in range(len(images))]
    return FoundBoxes(FolderSource(Path("/set"), names), images, "COCO", Path("/set"), lost)


def test_sets_are_kept_where_there_are_training_images():
    sides = [LabelledImage([BOX], side) for side in ("train", None, "test")]
    kept, notices = select_images(found(*sides), [], "refuse")
    assert kept.source.names == ["0.png", "2.png"] and notices == ["1 image in no set left out: 1.png."]
    kept, notices = select_images(found(*sides[1:]), [], "refuse")
    assert [image.side for image in kept.images] == [None, None] and not notices


def test_images_are_excluded_by_name():
    kept, _ = select_images(found(LabelledImage([BOX]), LabelledImage(None)), ["1.png"], "refuse")
    assert kept.source.names == ["0.png"]


@pytest.mark.parametrize(
    ("images", "lost", "problem"),
    [
        ([], [], r"/set \(COCO\): no image has labels"),
        ([LabelledImage([])], [], "has 1 image .* but no boxes"),
        ([LabelledImage([BOX]), LabelledImage(None)], [], "1 image of 2 have no labels: 1.png"),
        (
            [LabelledImage([BOX])],
            [Lost("a", []), Lost("b", [])],
            "2 images that cannot be found, such as a, b, and",
        ),
    ],
)
def test_what_is_refused(images, lost, problem):
    with pytest.raises(DataError, match=problem):
        select_images(found(*images, lost=lost), [], "refuse")
