import pytest

from eyebright.model.export.proof import MeasuredSide, Proof, require_proven
from eyebright.system.errors import ModelError


def proof(**changes):
    """One of an export that agrees on 200 images."""
    agrees = {
        "images": 200, "origin": "validation images", "precision": "float32", "tolerance": 1e-4, "difference": 0.0,
        "unfamiliarity_difference": None, "labels_changed": 0, "answers_changed": 0, "confident": 100,
        "confident_changed": 0, "model": MeasuredSide(), "export": MeasuredSide(), "versions": {},
    }  # fmt: skip
    return Proof(**(agrees | changes))


def accuracies(before, after):
    return {"precision": "int8", "model": MeasuredSide(accuracy=before), "export": MeasuredSide(accuracy=after)}


@pytest.mark.parametrize(
    ("found", "most_lost"),
    [
        ({"difference": 1e-4, "unfamiliarity_difference": 1e-3}, 0),
        ({"precision": "int8", "difference": 0.5}, 0),
        (accuracies(0.75, 0.73), 0.03),
        (accuracies(0.75, 0.75) | {"labels_changed": 200}, 0),
        ({"precision": "int8", "confident_changed": 5, "labels_changed": 40}, 0),
    ],
)
def test_what_is_within_the_limits_is_accepted(found, most_lost):
    require_proven(proof(**found), "X", most_lost)


@pytest.mark.parametrize(
    ("found", "match"),
    [
        ({"difference": 3e-4}, r"^the X export in float32 is refused: on 200 images \(validation images\) its "
         r"probabilities differ by up to 0\.0003 \(allowed: 0\.0001\); nothing was written$"),
        ({"difference": float("nan")}, "differ by up to nan"),
        ({"unfamiliarity_difference": 0.002}, r"unfamiliarity differs by up to 0\.002 \(allowed: 0\.001\)"),
        (accuracies(0.75, 0.73), r"in int8 is refused.*loses 2\.0% of accuracy \(allowed: 1\.0%\).*float32"),
        ({"precision": "int8", "confident_changed": 6}, r"changes 6 of 100 confident answers \(allowed: 5%\)"),
        ({"precision": "bfloat16", "labels_changed": 41}, r"it changes the label of 41 \(allowed: 20%\)"),
        ({"precision": "int8", "difference": float("nan")}, "its probabilities are not all numbers"),
    ],
)  # fmt: skip
def test_what_is_beyond_the_limits_is_refused(found, match):
    with pytest.raises(ModelError, match=match):
        require_proven(proof(**found), "X", 0.01)


def test_the_sentences_give_what_was_found():
    assert proof(difference=2.31e-6).sentences() == [
        "Compared with the model on 200 images (validation images): the probabilities differ by at most 2.3e-06, "
        "0 labels changed."
    ]
    smaller = proof(
        **accuracies(0.75, 0.745), answers_changed=12, confident_changed=1, notes=("It was opened in Chromium.",)
    )
    assert smaller.lost == pytest.approx(0.005)
    assert smaller.sentences()[-2:] == ["12 answers changed; of 100 confident ones 1.", "It was opened in Chromium."]
