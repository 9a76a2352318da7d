import json
from typing import Literal

import pytest

from eyebright.system import records
from eyebright.system.errors import ModelError, NetworkError, SettingsError
from eyebright.system.text import nearest


class Size(records.Record):
    width: int
    height: int = 8


class Card(records.Record):
    classes: tuple[str, ...] = ()
    size: Size = Size(width=4)
    fit: Literal["crop", "pad"] = "crop"
    loss: float = 0.0


@pytest.mark.parametrize("indent", [None, 2])
def test_a_record_survives_json(indent):
    card = Card(classes=("玫瑰", "tulip 🌷", 'a "b"\n'), size=Size(width=9), fit="pad", loss=0.1)
    assert records.from_json(records.to_json(card, indent=indent), Card, what="card", error=ModelError) == card


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, r"size\.json cannot be read \(No such file or directory\): expected the size of an image"),
        ('{"width": "4"}', r"size\.json cannot be read: .*`int`.*: expected the size of an image"),
    ],
)
def test_a_file_that_is_not_what_was_expected_is_named_with_what_was(tmp_path, content, words):
    path = tmp_path / "size.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ModelError, match=words):
        records.from_file(path, Size, expected="the size of an image", error=ModelError)
    path.write_text('{"width": 4}')
    assert records.from_file(path, Size, expected="the size of an image", error=ModelError) == Size(width=4)


def test_the_text_is_json_for_everybody():
    card = Card(classes=("玫瑰",), loss=0.1)
    assert json.loads(records.to_json(card)) == {
        "classes": ["玫瑰"],
        "size": {"width": 4, "height": 8},
        "fit": "crop",
        "loss": 0.1,
    }


def test_text_without_indent_is_one_line():
    assert "\n" not in records.to_json({"a": [1, 2], "b": "x\ny"}, indent=None)


def test_text_is_indented_for_people():
    assert '\n  "classes"' in records.to_json(Card())


def test_plain_data_becomes_a_record():
    data = {"classes": ["a"], "size": {"width": 9}}
    assert records.from_builtins(data, Card, what="card", error=ModelError) == Card(classes=("a",), size=Size(width=9))


def test_records_are_frozen_and_compared_by_value():
    with pytest.raises(AttributeError):
        Size(width=1).width = 2
    assert Size(width=1) == Size(width=1) != Size(width=2)


BAD = [
    ({"clases": []}, "unknown field `clases`.*did you mean 'classes'"),
    ({"zebra": []}, "unknown field `zebra`.*known are classes, fit, loss, size"),
    ({"size": {"widht": 4}}, r"unknown field `widht` - at `\$.size`.*did you mean 'width'"),
    ({"size": {}}, "missing required field `width`"),
    ({"size": {"width": 4.5}}, r"Expected `int`, got `float` - at `\$.size.width`"),
    ({"size": {"width": "4"}}, r"Expected `int`, got `str` - at `\$.size.width`"),
    ({"size": {"width": True}}, "Expected `int`, got `bool`"),
    ({"classes": ["a", 5]}, r"at `\$.classes\[1\]`"),
    ({"fit": "stretch"}, r"'stretch' - at `\$.fit`"),
    (["a"], "Expected `object`, got `array`"),
    (None, "Expected `object`, got `null`"),
]


@pytest.mark.parametrize(("data", "message"), BAD)
@pytest.mark.parametrize("through_json", [True, False])
def test_data_that_does_not_fit_is_refused_with_its_path(data, message, through_json):
    value, read = (json.dumps(data), records.from_json) if through_json else (data, records.from_builtins)
    with pytest.raises(ModelError, match=f"^model.json cannot be read: .*{message}"):
        read(value, Card, what="model.json", error=ModelError)


@pytest.mark.parametrize("text", ["", "{", '{"loss": NaN}', '{"loss": 1e999}', "{} {}", b"\xff", '{"fit": "\udcff"}'])
def test_text_that_is_no_json_is_refused(text):
    with pytest.raises(ModelError, match=r"model\.json cannot be read: ."):
        records.from_json(text, Card, what="model.json", error=ModelError)


def test_json_nested_without_end_is_refused():
    with pytest.raises(ModelError, match="recursion"):
        records.from_json("[" * 100_000, list, what="model.json", error=ModelError)


@pytest.mark.parametrize("kind", [list[Size], dict[str, Size], Size | None])
def test_unknown_keys_are_refused_whatever_they_lie_in(kind):
    data = {"a": {"widht": 4}} if kind == dict[str, Size] else [{"widht": 4}] if kind == list[Size] else {"widht": 4}
    with pytest.raises(ModelError, match="unknown field `widht`"):
        records.from_builtins(data, kind, what="sizes", error=ModelError)


def test_the_error_is_the_one_that_was_asked_for():
    with pytest.raises(SettingsError, match=r"^the settings cannot be read"):
        records.from_builtins({"x": 1}, Card, what="the settings", error=SettingsError)


@pytest.mark.parametrize(
    ("word", "expected"),
    [("colour", "did you mean 'color'?"), ("xyz", "known are color, size")],
)
def test_nearest_names_one_or_all(word, expected):
    assert nearest(word, ["size", "color"]) == expected


def test_of_very_many_known_words_only_some_are_listed():
    message = nearest("zzz", [f"layer_{number:03d}" for number in range(100)])
    assert message.startswith("known are layer_000, ") and message.endswith("layer_039 and 60 more")
    assert nearest("zzz", []) == "there are none"


def test_a_word_that_is_not_allowed_brings_those_that_are():
    class Inner(records.Record, frozen=True):
        fit: Literal["crop", "pad", "stretch"] | int = "crop"

    class Outer(records.Record, frozen=True):
        inner: Inner
        more: tuple[Inner, ...] = ()

    with pytest.raises(NetworkError, match=r"'cropp' - at `\$\.inner\.fit` \(did you mean 'crop'\?\)"):
        records.from_json('{"inner": {"fit": "cropp"}}', Outer, what="it", error=NetworkError)
    with pytest.raises(NetworkError, match=r"\(known are crop, pad, stretch\)"):
        records.from_builtins({"inner": {"fit": "xyz"}}, Outer, what="it", error=NetworkError)
    with pytest.raises(NetworkError, match=r"'padd' - at `\$\.more\[0\]\.fit` \(did you mean 'pad'\?\)"):
        records.from_builtins({"inner": {}, "more": [{"fit": "padd"}]}, Outer, what="it", error=NetworkError)


def test_the_text_holds_nothing_that_a_terminal_obeys():
    card = Card(classes=("\x1b[31m", "\x9b2J", "a\u202eb", "\x7f"))
    text = records.to_json(card)
    assert not {"\x1b", "\x9b", "\u202e", "\x7f"} & {*text}
    assert records.from_json(text, Card, what="card", error=ModelError) == card
