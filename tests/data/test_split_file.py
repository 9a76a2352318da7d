import csv
import io
from pathlib import Path

import numpy as np
import pytest

from eyebright.data.split import ALL_SIDES, LEFT_OUT
from eyebright.data.split_file import read_split, to_csv
from eyebright.system.errors import DataError

ROWS = "name,split\na,train\nb,val\nc,test\nd,\n"


def test_csv_says_name_class_side_and_digest_and_survives_strange_names():
    names = ["daisy/0.png", 'a,"b"\n花.png', "left/out.png"]
    digests = [bytes(15) + bytes([number]) for number in (1, 255, 3)]
    text = to_csv(names, np.array([0, 1, 1]), digests, ["daisy", "r,se"], np.array([0, 2, LEFT_OUT]))
    assert list(csv.reader(io.StringIO(text.decode()))) == [
        ["name", "class", "split", "digest"],
        [names[0], "daisy", "train", "0" * 31 + "1"],
        [names[1], "r,se", "test", "0" * 30 + "ff"],
        [names[2], "r,se", "", "0" * 31 + "3"],
    ]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    names, digests = ["=a/0.png", 'b,"1"\n花.png', "c", "'d", "e"], [bytes([number]) * 16 for number in (1, 2, 3, 3, 4)]
    sides = np.array([0, 1, 2, LEFT_OUT, ALL_SIDES.index("held_back")])
    text = to_csv(names, np.zeros(5, np.int64), digests, ["x"], sides)
    (tmp_path / "split.csv").write_bytes(text)
    found = read_split(tmp_path / "split.csv")
    assert found.sides(names, digests).tolist() == sides.tolist()
    assert found.sides(["moved", "c"], [digests[1], digests[2]]).tolist() == [1, 2]  # known by their content


def test_a_table_of_names_alone_will_do(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("\ufeff" + ROWS)
    assert read_split(tmp_path / "mine.csv").sides(list("dcba"), [b"", b"", b"", b""]).tolist() == [-1, 2, 1, 0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (ROWS + "e,tset\n", r"line 6: .*'tset': expected train, validation, test, held_back, or nothing"),
        (ROWS + "a,test\n", "line 6: a is .* twice"),
        ("name,side\na,train\n", "expected the columns name and split, got name, side"),
        ("", "got none"),
        (ROWS + "e", "line 6: expected 2 values as in the first line, got 1$"),
        (ROWS + "e,test,train\n", "line 6: expected 2 values as in the first line, got 3; write"),
        (ROWS + '"e,test\n', r"split\.csv, line 6: unexpected end of data"),
        (ROWS + "e" * 200_000 + ",test\n", r"split\.csv, line 6: field larger than"),
        ("name,split\na,train\nb,test\n", "no images for validation"),
    ],
)
def test_what_is_no_sound_split_is_reported_with_its_line(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "split.csv").write_text(content)
    with pytest.raises(DataError, match=words):
        read_split(tmp_path / "split.csv")


def test_sides_are_called_as_in_tables(tmp_path: Path) -> None:
    (tmp_path / "split.csv").write_text("name,split\na,Train\nb,VALID\nc, test\nd,training\n")
    assert read_split(tmp_path / "split.csv").sides(list("abcd"), [b""] * 4).tolist() == [0, 1, 2, 0]


def test_a_missing_file_and_pictures_that_it_does_not_know_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nothing\.csv cannot be read"):
        read_split(tmp_path / "nothing.csv")
    (tmp_path / "split.csv").write_text(ROWS)
    with pytest.raises(DataError, match="1 of the 2 images \\(x\\)"):
        read_split(tmp_path / "split.csv").sides(["a", "x"], [b"1", b"2"])


def test_no_cell_is_a_formula():
    text = to_csv(["=1+1"], np.array([0]), [bytes(16)], ["@x"], np.array([0]))
    assert text.splitlines()[1] == b"'=1+1,'@x,train," + b"0" * 32
