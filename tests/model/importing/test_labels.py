import pytest

from eyebright.model.importing.labels import class_names
from eyebright.system.errors import DataError, ModelError


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("0 daisy\n1 wild rose\n", ("daisy", "wild rose")),
        ("daisy\r\n\n  rose \n", ("daisy", "rose")),
        ("1 daisy\n0 rose", ("1 daisy", "0 rose")),
        ("\ufeff菊\n玫瑰", ("菊", "玫瑰")),
        ("0\n1", ("0", "1")),
    ],
)
def test_names_are_read_from_the_lines_of_a_file(tmp_path, text, names):
    (tmp_path / "labels.txt").write_text(text, "utf-8")
    assert class_names(tmp_path / "model.h5", "", 2) == names
    assert class_names(tmp_path / "elsewhere" / "model.h5", tmp_path / "labels.txt", 2) == names


def test_names_may_be_given_or_numbered(tmp_path):
    assert class_names(tmp_path / "a.h5", ["x", "y"], 2) == ("x", "y")
    assert class_names(tmp_path / "a.h5", "numbered", 3) == ("class_0", "class_1", "class_2")


def test_names_that_are_missing_or_not_as_many_as_classes_are_reported(tmp_path):
    with pytest.raises(ModelError, match=r"a\.h5 has 3 classes, but not their names: .*--classes labels.txt.*numbered"):
        class_names(tmp_path / "a.h5", "", 3)
    (tmp_path / "labels.txt").write_text("x\ny")
    with pytest.raises(ModelError, match=r"labels\.txt has 2 names, but .*a\.h5 gives values for 3 classes"):
        class_names(tmp_path / "a.h5", "", 3)
    with pytest.raises(DataError, match=r"none\.txt cannot be read: No such file"):
        class_names(tmp_path / "a.h5", tmp_path / "none.txt", 3)
    (tmp_path / "labels.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ModelError, match="is not text in UTF-8"):
        class_names(tmp_path / "a.h5", "", 3)
