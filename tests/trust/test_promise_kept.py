import numpy as np

from eyebright.trust.intervals import wilson_interval
from eyebright.trust.promise import Promised
from eyebright.trust.promise_kept import kept

CLASSES = ("daisy", "rose", "tulip")


def test_a_promise_that_was_kept_is_reported_with_the_share_answered() -> None:
    promised = Promised(promise="accuracy=0.95", limits=(0.9,) * 3, images=100, answered=0.6)
    answered = np.arange(648) < 412
    correct = np.arange(648) >= 12
    found = kept(promised, np.zeros(648, np.int64), answered, correct, CLASSES)
    assert found.text == (
        "Answered 412 of 648 images (63.6%), 97.1% (95% interval 95.0-98.3%) of these correctly; promised: at least "
        "95.0%."
    )
    none = kept(promised, np.zeros(648, np.int64), np.zeros(648, np.bool_), correct, CLASSES)
    assert none.text == "Answered none of 648 images; promised: at least 95.0%."


def test_a_class_below_what_was_promised_of_it_is_named() -> None:
    promised = Promised(promise="accuracy-per-class=0.9", limits=(0.5,) * 3, images=100, answered=1.0)
    predicted, correct = np.arange(300) % 3, np.ones(300, np.bool_)
    correct[1:60:3] = False
    found = kept(promised, predicted, np.ones(300, np.bool_), correct, CLASSES)
    assert {name: share.right for name, share in found.classes.items()} == {"daisy": 100, "rose": 80, "tulip": 100}
    low, high = wilson_interval(80, 100)
    assert found.as_table().rows[1] == ("rose", "100", "80.0%", f"{100 * low:.1f}-{100 * high:.1f}%")
    assert found.text.endswith("promised: at least 90.0% for each class; below it: rose.")


def test_sets_are_reported_with_their_size() -> None:
    promised = Promised(promise="coverage=0.9", limits=(0.5,), images=100, answered=1.0)
    sizes, all_right = np.tile([1, 2], 50), np.ones(100, np.bool_)
    found = kept(promised, np.zeros(100, np.int64), all_right, all_right, CLASSES, sizes=sizes)
    assert found.labels == 1.5 and found.text.startswith(
        "Gave 100 of 100 images (100.0%) a set of labels, 1.50 on average"
    )
    assert found.correct is None and (found.covered.right, found.covered.of) == (100, 100)
    assert found.as_table() is None


def test_a_class_that_got_no_answer_is_in_the_table_without_a_share() -> None:
    promised = Promised(promise="accuracy-per-class=0.9", limits=(0.5, 0.5, 2.0), images=100, answered=0.5)
    predicted = np.arange(300) % 3
    found = kept(promised, predicted, predicted < 2, np.ones(300, np.bool_), CLASSES)
    assert found.as_table().rows[2] == ("tulip", "0", "-", "-") and found.classes["tulip"].of == 0
    assert found.text.endswith("promised: at least 90.0% for each class.") and found.covered is None
