import msgspec
import numpy as np
import pytest

from eyebright.system.errors import DataError, SettingsError
from eyebright.trust.promise import NEVER, Given, HeldBack, Promise, Promised, make_promise
from eyebright.trust.selective import confidence_threshold

CLASSES = ("daisy", "rose", "tulip")


def images(count: int = 300, wrong: int = 0, **changes: object) -> HeldBack:
    """Three classes in turn, the least confident of them predicted wrongly."""
    labels = np.arange(count) % 3
    predicted = np.where(np.arange(count) >= count - wrong, (labels + 1) % 3, labels)
    fields = {
        "labels": labels, "predicted": predicted, "confidence": np.linspace(1, 0.4, count, dtype=np.float32),
        "set_score": np.where(predicted == labels, 0, 0.6).astype(np.float32),
        "unfamiliarity": np.zeros(count, np.float32), "groups": np.arange(count),
    }  # fmt: skip
    return HeldBack(**fields | changes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accuracy=0.99", Promise("accuracy", 0.99)),
        (" Accuracy_per_class = .9 ", Promise("accuracy-per-class", 0.9)),
        ("coverage=0.95", Promise("coverage", 0.95)),
    ],
)
def test_a_promise_is_read_from_text_and_written_as_one(text: str, expected: Promise) -> None:
    assert Promise.of(text) == expected
    assert Promise.of(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "such as accuracy=0.99, got ''"),
        ("0.99", "known are accuracy, accuracy-per-class, coverage"),
        ("acuracy=0.9", "accuracy"),
        ("accuracy=99", "share above 0 and below 1, such as accuracy=0.99, got '99'"),
        ("accuracy=1", "nothing can be promised with certainty"),
        ("coverage=nan", "share above 0"),
        ("accuracy=most", "got 'most'"),
    ],
)
def test_what_is_no_promise_is_refused_with_what_was_expected(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Promise.of(text)


def test_a_promise_that_the_images_cannot_prove_says_how_many_it_takes() -> None:
    with pytest.raises(DataError, match=r"takes at least 299 .* there are 298; 298 prove 98\.9% at most"):
        make_promise(Promise("accuracy", 0.99), images(298), CLASSES)
    assert make_promise(Promise("accuracy", 0.99), images(299), CLASSES).answered == 1
    with pytest.raises(DataError, match=r"takes at least 59 .* there are 0: promise less"):
        make_promise(Promise("coverage", 0.95), images(0), CLASSES)


def test_images_all_predicted_wrongly_prove_nothing_but_a_set_of_all_labels() -> None:
    wrong = images(300, wrong=300)
    with pytest.raises(DataError, match=r"93 of the 93 most confident held-back images are .* wrongly, and at most 1"):
        make_promise(Promise("accuracy", 0.95), wrong, CLASSES)
    with pytest.raises(DataError, match="cannot be kept for any of the 3 classes: each takes at least 59"):
        make_promise(Promise("accuracy-per-class", 0.95), wrong, CLASSES)
    promised = make_promise(Promise("coverage", 0.95), wrong, CLASSES)
    assert promised.label_sets(np.array([[0.5, 0.3, 0.2]])).tolist() == [[True, True, False]]


def test_the_accuracy_has_one_threshold_for_all_classes_and_per_class_each_its_own() -> None:
    held = images(300, wrong=60)
    whole = make_promise(Promise("accuracy", 0.95), held, CLASSES)
    expected = confidence_threshold(held.confidence, held.predicted == held.labels, 0.05)
    assert whole.limits == (expected,) * 3
    assert whole.answered == pytest.approx((held.confidence >= expected).mean())
    apart = make_promise(Promise("accuracy-per-class", 0.95), held, CLASSES)
    for label in range(3):
        here = held.predicted == label
        own = confidence_threshold(held.confidence[here], (held.predicted == held.labels)[here], 0.05)
        assert apart.limits[label] == own


def test_a_class_that_is_hardly_ever_predicted_is_never_answered() -> None:
    rare = images(300)
    rare = rare._replace(predicted=np.where(np.arange(300) % 50 == 2, 2, np.arange(300) % 2))
    promised = make_promise(Promise("accuracy-per-class", 0.95), rare._replace(labels=rare.predicted), CLASSES)
    assert promised.limits[2] == NEVER and max(promised.limits[:2]) < 1
    assert promised.thresholds.dtype == np.float32
    assert promised.text.endswith(" (1 of 3 classes: never); 98.0% of these are answered.")
    table = promised.as_table(CLASSES)
    assert table.rows[2] == ("tulip", "never", "6", "0")
    assert [row[2] for row in table.rows] == ["144", "150", "6"] and table.rows[0][3] == "144"
    assert make_promise(Promise("accuracy", 0.95), images(), CLASSES).as_table(CLASSES) is None


def test_images_of_one_group_count_once() -> None:
    bursts = images(300, groups=np.arange(300) // 5)
    assert len(bursts.independent().labels) == 60
    assert make_promise(Promise("accuracy", 0.95), bursts, CLASSES).images == 60
    with pytest.raises(DataError, match="there are 50"):
        make_promise(Promise("accuracy", 0.95), images(300, groups=np.arange(300) // 6), CLASSES)


def test_unfamiliar_images_are_not_answered_and_prove_nothing() -> None:
    strange = np.where(np.arange(300) < 200, 1.5, 0.5).astype(np.float32)
    held = images(300, wrong=0, unfamiliarity=strange)
    assert make_promise(Promise("accuracy", 0.95), held, CLASSES).answered == pytest.approx(1 / 3)
    few = images(300, unfamiliarity=np.where(np.arange(300) < 250, 1.5, 1).astype(np.float32))
    with pytest.raises(DataError, match=r"the training images.*there are 50"):
        make_promise(Promise("coverage", 0.95), few, CLASSES)
    with pytest.raises(DataError, match=r"at least 93 held-back images like the training images, and there are 50"):
        make_promise(Promise("accuracy", 0.95), few, CLASSES)


def test_images_of_the_same_confidence_are_counted_together_where_a_promise_is_refused() -> None:
    alike = images(100, wrong=20, confidence=np.ones(100, np.float32))
    with pytest.raises(DataError, match=": 20 of the 100 most confident held-back images are predicted wrongly"):
        make_promise(Promise("accuracy", 0.95), alike, CLASSES)


def test_a_promise_is_json() -> None:
    promised = make_promise(Promise("accuracy", 0.95), images(), CLASSES)
    assert msgspec.json.decode(msgspec.json.encode(promised), type=Promised) == promised


def test_one_image_is_written_as_one() -> None:
    with pytest.raises(DataError, match=r"takes at least 1 held-back image, predicted correctly, and there are 0:"):
        make_promise(Promise("coverage", 0.05), images(0), CLASSES)
    with pytest.raises(DataError, match=r"and there is 1: promise less, or add images$"):
        make_promise(Promise("accuracy", 0.5), images(1), CLASSES)
    one_wrong = images(5)._replace(predicted=np.array([1, 1, 2, 0, 1]))
    with pytest.raises(DataError, match=r"1 of the 5 most confident held-back images is .* wrongly, and none may"):
        make_promise(Promise("accuracy", 0.5), one_wrong, CLASSES)


def test_given_images_are_called_so_and_what_was_left_out_is_said() -> None:
    given = Given(images=400, seen=90, left_out=10, groups=60)
    bursts = images(300, groups=np.arange(300) // 5)
    promised = make_promise(Promise("accuracy", 0.95), bursts, CLASSES, given)
    assert promised.given == given and promised.text.startswith("Promise accuracy=0.95, by 60 given images: ")
    assert given.reasons == (
        "90 images left out: used for the model before, in training or for a promise.",
        "10 images left out: cannot be opened.",
        "300 images in 60 groups: each group counts once.",
    )
    with pytest.raises(DataError, match=r"at least 299 given images, .* there are 60.* add images\. 90 images left"):
        make_promise(Promise("accuracy", 0.99), bursts, CLASSES, given)
    assert Given(images=5).reasons == Given(images=5, groups=5).reasons == ()
