import hashlib
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eyebright.model.card_file import check_files, read_card, require_class_names, write_card
from eyebright.system.errors import ModelError
from eyebright.system.records import Record


class Card(Record, frozen=True, kw_only=True):
    format: int = 1
    classes: tuple[str, ...] = ("rose", "雏菊\x1b")
    temperature: float | None = 1e-5
    sha256: dict[str, str]


CARD = Card(sha256={"weights": "0"})


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write_card(tmp_path / "card.json", CARD)
    return tmp_path / "card.json"


def test_what_is_written_is_read_and_the_digest_is_that_of_the_content_in_sorted_ascii(place: Path) -> None:
    own = json.loads(place.read_text())["sha256"]["card.json"]
    text = r'{"classes":["rose","\u96cf\u83ca\u001b"],"format":1,"sha256":{"weights":"0"},"temperature":1e-05}'
    assert own == hashlib.sha256(text.encode()).hexdigest()
    assert read_card(place, Card, newest=1) == Card(sha256={"weights": "0", "card.json": own})


def test_writing_again_gives_the_same_bytes(place: Path) -> None:
    before = place.read_bytes()
    again = write_card(place, read_card(place, Card, newest=1))
    assert place.read_bytes() == before and again == read_card(place, Card, newest=1)


@given(st.lists(st.text()), st.floats())
def test_any_text_and_number_is_read_as_it_was_written(classes: list[str], temperature: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        written = write_card(
            Path(folder, "card.json"), Card(classes=tuple(classes), temperature=temperature, sha256={})
        )
        assert read_card(Path(folder, "card.json"), Card, newest=1) == written


@pytest.mark.parametrize(
    ("old", "new"),
    [("rose", "tulip"), ("0.00001", "0.00002"), ('"weights": "0"', '"weights": "1"'), ("[", '["daisy", ')],
)
def test_an_edited_card_is_refused(place: Path, old: str, new: str) -> None:
    text = place.read_text()
    assert old in text
    place.write_text(text.replace(old, new, 1))
    with pytest.raises(ModelError, match=r"card\.json was edited .*: undo the edit|undo the edit, or copy the whole"):
        read_card(place, Card, newest=1)


def test_another_layout_and_order_of_keys_are_no_edit(place: Path) -> None:
    content = json.loads(place.read_text())
    place.write_bytes(json.dumps(dict(reversed(content.items())), indent=7).replace("\n", "\r\n").encode())
    assert read_card(place, Card, newest=1).classes == CARD.classes


def test_an_older_card_has_no_digest_of_itself(place: Path) -> None:
    place.write_text('{"format": 1, "classes": ["tulip"], "sha256": {}}')
    assert read_card(place, Card, newest=1).classes == ("tulip",)


def test_files_must_be_there_and_have_their_digests(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"1 2 3")
    digests = {"weights": hashlib.sha256(b"1 2 3").hexdigest()}
    check_files(tmp_path / "card.json", digests, ["weights"])
    with pytest.raises(ModelError, match=r"weights was altered: its SHA-256 is not the one in card\.json"):
        check_files(tmp_path / "card.json", {"weights": "0"}, ["weights"])
    with pytest.raises(ModelError, match="is incomplete: more is missing"):
        check_files(tmp_path / "card.json", digests, ["weights", "more"])


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (["a"], "expected 2 to 3 classes, got 1"), (["a", "b", "c", "d"], "expected 2 to 3 classes, got 4"),
        (["a", "b", "a"], "two classes have the same name in a, b, a"), (["a", ""], "the model"),
    ],
)  # fmt: skip
def test_classes_of_a_card_are_as_many_as_allowed_and_different(classes: list[str], words: str) -> None:
    require_class_names(["a", "b"], least=2, most=3)
    with pytest.raises(ModelError, match=words):
        require_class_names(classes, least=2, most=3)
