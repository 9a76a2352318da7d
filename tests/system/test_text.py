import pytest

from eyebright.system import text


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (text.counted(1, "image"), "1 image"),
        (text.counted(0, "image"), "0 images"),
        (text.counted(2000, "image"), "2,000 images"),
        (text.listed(["a", "b"]), "a, b"),
        (text.listed(["a", "b", "c"], 3), "a, b, c"),
        (text.listed(["a", "b", "c", "d"], 2), "a, b and 2 more"),
        (text.listed([]), ""),
        (text.percent(0.996), "99.6%"),
        (text.percent(0.14, 0), "14%"),
        (text.interval(0.979, 1), "95% interval 97.9-100.0%"),
        (text.duration(7.4), "7 s"),
        (text.duration(59.6), "1 min 0 s"),
        (text.duration(125), "2 min 5 s"),
        (text.duration(3_780), "1 h 3 min"),
        (text.clock(187), "3:07"),
        (text.clock(3729), "1:02:09"),
        (text.nearest("flwers", ["flowers", "digits"]), "did you mean 'flowers'?"),
        (text.nearest("xyz", ["b", "a"]), "known are a, b"),
        (text.nearest("xyz", []), "there are none"),
        (text.printable("a\nb"), "a\\nb"),
        (text.fit("abcdefgh", 5), "ab…gh"),
        (text.fit("花花花花", 5), "花…花"),
        (text.pad("花", 4), "花  "),
    ],
)
def test_numbers_names_and_lists_are_written_in_one_way(written, expected):
    assert written == expected
