"""What is said of a set before it is learned, and what identifies it."""

from eyebright.data.pictures import Preparation
from eyebright.tasks.detection.data.dataset import BoxDataset
from eyebright.tasks.detection.data.prepare import prepare
from eyebright.tasks.detection.geometry.boxes import REASONS
from eyebright.tasks.detection.runs.opening import boxes_checked, digest_of


def prepared(folder):
    return prepare(BoxDataset.open(folder), Preparation(width=64, height=64, fit="pad"))


def test_nothing_is_said_where_all_boxes_are_used(squares):
    assert boxes_checked(prepared(squares)) is None and not prepared(squares).unused_boxes


def test_boxes_are_counted_by_reason_with_three_examples(squares):
    with (squares / "labels" / "3.txt").open("a") as file:
        file.write("0 0.5 0.5 0 0\n0 0.4 0.5 0 0\n0 0.3 0.5 0 0\n0 0.2 0.5 0 0\n0 3 3 0.2 0.2\n")
    event = boxes_checked(prepared(squares))
    assert event.unused == {REASONS["no area"]: 4, REASONS["outside"]: 1}
    assert [len(examples) for examples in event.examples.values()] == [3, 1]
    assert event.examples[REASONS["no area"]][0] == "images/3.png (square 0.5 0.5 0 0)"


def test_boxes_of_an_image_that_cannot_be_decoded_are_among_them(squares):
    image = squares / "images" / "3.png"
    image.write_bytes(image.read_bytes()[:200])
    (box,) = prepared(squares).unused_boxes
    assert (box.image, box.reason) == ("images/3.png", "no image") and box.box.startswith("square ")


def test_a_moved_box_another_image_and_another_name_give_another_digest(squares):
    before = digest_of(prepared(squares))
    assert digest_of(prepared(squares)) == before
    labels, image = squares / "labels" / "3.txt", squares / "images" / "3.png"
    text, content = labels.read_text(), image.read_bytes()

    labels.write_text(text.replace(" 0.375 0.375", " 0.375 0.37"))
    assert digest_of(prepared(squares)) != before
    labels.write_text(text)

    image.write_bytes((squares / "images" / "4.png").read_bytes())
    assert digest_of(prepared(squares)) != before
    image.write_bytes(content)

    labels.rename(labels.with_stem("30"))
    image.rename(image.with_stem("30"))
    assert digest_of(prepared(squares)) != before
