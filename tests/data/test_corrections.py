import csv
import json
import shutil
import tempfile
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st
from PIL import Image

from eyebright.data import pack as packs
from eyebright.data.corrections import Correction, Corrections, correct, load, save
from eyebright.data.dataset import Dataset
from eyebright.data.digests import Digests
from eyebright.data.sources.source import ArraySource, FoundImages
from eyebright.system.errors import DataError
from eyebright.system.text import printable


@pytest.fixture
def folder(make_folder) -> Path:
    return make_folder({"daisy": 4, "rose": 4, "tulip": 4})


@pytest.fixture
def corrections(tmp_path):
    """Writes a corrections file: each of the dicts is one correction."""

    def write(*given: dict[str, str], name: str = "corrections.json") -> Path:
        path = tmp_path / name
        path.write_text(json.dumps({"format": 1, "origin": "flowers", "corrections": given}))
        return path

    return write


def labels(dataset: Dataset) -> dict[str, str]:
    """The class of each image."""
    return dict(zip(dataset.source.names, [dataset.classes[label] for label in dataset.labels], strict=True))


def digest_of(dataset: Dataset, name: str) -> str:
    """The digest of an image as split.csv of a run would have it."""
    from eyebright.data.pictures import Preparation

    pack = dataset.pack(Preparation(width=3, height=3))
    return pack.digests[list(dataset.source.names).index(name)].hex()


def test_images_get_their_new_class_or_are_left_out_and_no_file_changes(folder, corrections):
    def content() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in folder.rglob("*.png")}

    before, plain = content(), labels(Dataset.from_folder(folder))
    path = corrections(
        {"name": "daisy/0.png", "decision": "relabel", "new_label": "rose", "label": "daisy"},
        {"name": "rose/1.png", "decision": "exclude"},
        {"name": "tulip/2.png", "decision": "keep", "label": "tulip"},
    )
    dataset = Dataset.from_folder(folder, corrections=path)
    del plain["rose/1.png"]
    assert labels(dataset) == plain | {"daisy/0.png": "rose"}
    applied = dataset.corrected
    assert (applied.names("relabel"), applied.names("exclude"), applied.names("keep")) == (
        ["daisy/0.png"], ["rose/1.png"], ["tulip/2.png"],
    )  # fmt: skip
    assert (applied.duplicates, applied.missing, applied.changed) == (0, (), ())
    assert content() == before


def csv_of(folder: Path) -> Path:
    lines = [("path", "label"), *((str(path), path.parent.name) for path in sorted(folder.rglob("*.png")))]
    with (folder.parent / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    return folder.parent / "table.csv"


def parquet_of(folder: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = sorted(folder.rglob("*.png"))
    rows = {"image": [{"bytes": path.read_bytes(), "path": None} for path in files],
            "label": [path.parent.name for path in files]}  # fmt: skip
    pq.write_table(pa.table(rows), folder.parent / "table.parquet")
    return folder.parent / "table.parquet"


def npz_of(folder: Path) -> Path:
    files = sorted(folder.rglob("*.png"))
    np.savez(folder.parent / "table.npz", images=np.stack([np.asarray(Image.open(path)) for path in files]),
             labels=np.array([path.parent.name for path in files]))  # fmt: skip
    return folder.parent / "table.npz"


@pytest.mark.parametrize("convert", [csv_of, parquet_of, npz_of])
def test_decisions_about_a_folder_apply_to_the_same_images_in_another_form(convert, folder, corrections):
    """Sorted by path, daisy/0.png is the first image and rose/1.png the sixth, whatever their names are then."""
    plain = Dataset.open(folder)
    path = corrections(
        {"name": "daisy/0.png", "decision": "relabel", "new_label": "rose", "digest": digest_of(plain, "daisy/0.png")},
        {"name": "rose/1.png", "decision": "exclude", "digest": digest_of(plain, "rose/1.png")},
    )
    found = Dataset.open(convert(folder), corrections=path)
    names = [found.classes[label] for label in found.labels]
    assert names == ["rose"] + ["daisy"] * 3 + ["rose"] * 3 + ["tulip"] * 4


def test_decisions_apply_to_arrays(noise, corrections):
    images = np.stack([noise(number) for number in range(4)])
    path = corrections({"name": "0000002", "decision": "relabel", "new_label": "a"})
    dataset = Dataset.from_arrays(images, ["a", "b", "b", "a"], corrections=path)
    assert [dataset.classes[label] for label in dataset.labels] == ["a", "b", "a", "a"]


def test_an_image_that_was_renamed_is_found_by_its_content(folder, corrections):
    digest = digest_of(Dataset.open(folder), "daisy/0.png")
    (folder / "daisy" / "0.png").rename(folder / "daisy" / "first.png")
    given = {"name": "daisy/0.png", "decision": "relabel", "new_label": "rose", "digest": digest}
    assert labels(Dataset.open(folder, corrections=corrections(given)))["daisy/first.png"] == "rose"


def test_an_image_in_its_new_folder_counts_as_kept(folder, corrections):
    digest = digest_of(Dataset.open(folder), "daisy/0.png")
    (folder / "daisy" / "0.png").rename(folder / "rose" / "from_daisy.png")
    given = {"name": "daisy/0.png", "decision": "relabel", "new_label": "rose", "label": "daisy", "digest": digest}
    applied = Dataset.open(folder, corrections=corrections(given)).corrected
    assert (applied.names("keep"), applied.names("relabel")) == (["rose/from_daisy.png"], [])


def test_an_image_that_was_kept_and_is_in_another_folder_now_is_not_known_any_more(folder, corrections):
    digest = digest_of(Dataset.open(folder), "daisy/0.png")
    (folder / "daisy" / "0.png").rename(folder / "rose" / "from_daisy.png")
    applied = Dataset.open(
        folder, corrections=corrections({"name": "daisy/0.png", "decision": "keep", "label": "daisy", "digest": digest})
    ).corrected
    assert (applied.decisions, applied.missing) == ((), ("daisy/0.png",))


def test_an_image_with_other_pixels_than_those_that_were_looked_at_is_not_corrected(folder, corrections, add_picture):
    digest = digest_of(Dataset.open(folder), "daisy/0.png")
    add_picture(folder / "daisy" / "0.png")
    given = {"name": "daisy/0.png", "decision": "relabel", "new_label": "rose", "digest": digest}
    dataset = Dataset.open(folder, corrections=corrections(given, {"name": "rose/0.png", "decision": "exclude"}))
    assert labels(dataset)["daisy/0.png"] == "daisy"
    assert (dataset.corrected.changed, dataset.corrected.missing) == (("daisy/0.png",), ())


def test_an_image_that_was_kept_in_another_class_is_not_known_any_more(folder, corrections):
    path = corrections({"name": "daisy/0.png", "decision": "keep", "label": "tulip"})
    assert Dataset.open(folder, corrections=path).corrected.changed == ("daisy/0.png",)


def test_exact_duplicates_follow_a_relabelled_image_but_not_one_that_is_left_out(folder, corrections):
    for name, copy in (("daisy/0", "daisy/again"), ("daisy/0", "rose/again"), ("tulip/0", "tulip/again")):
        shutil.copy(folder / f"{name}.png", folder / f"{copy}.png")
    path = corrections(
        {"name": "daisy/0.png", "decision": "relabel", "new_label": "rose"},
        {"name": "tulip/again.png", "decision": "exclude"},
    )
    dataset = Dataset.open(folder, corrections=path)
    found = labels(dataset)
    assert (found["daisy/again.png"], found["rose/again.png"], found["tulip/0.png"]) == ("rose", "rose", "tulip")
    assert "tulip/again.png" not in found
    assert dataset.corrected.duplicates == 1
    assert dataset.corrected.names("relabel") == ["daisy/0.png", "daisy/again.png"]


def test_a_duplicate_with_a_decision_of_its_own_keeps_it(folder, corrections):
    shutil.copy(folder / "daisy" / "0.png", folder / "daisy" / "again.png")
    path = corrections(
        {"name": "daisy/0.png", "decision": "relabel", "new_label": "rose"},
        {"name": "daisy/again.png", "decision": "exclude"},
    )
    found = labels(Dataset.open(folder, corrections=path))
    assert found["daisy/0.png"] == "rose" and "daisy/again.png" not in found


def test_of_renamed_duplicates_only_as_many_are_left_out_as_were_decided(folder, corrections):
    shutil.copy(folder / "daisy" / "0.png", folder / "daisy" / "again.png")
    digest = digest_of(Dataset.open(folder), "daisy/0.png")
    (folder / "daisy").rename(folder / "aster")
    path = corrections({"name": "daisy/0.png", "decision": "exclude", "digest": digest})
    assert len(Dataset.open(folder, corrections=path)) == 13 - 1


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"name": "daisy/0.png", "decision": "keep"}, "daisy/0.png: relabel to rose, and also daisy/0.png: keep"),
        (
            {"name": "daisy/0.png", "decision": "relabel", "new_label": "tulip"},
            "and also daisy/0.png: relabel to tulip",
        ),
        ({"name": "daisy/again.png", "decision": "keep"}, "the two have the same pixels: give them one class"),
        ({"name": "tulip/1.png", "decision": "relabel", "new_label": "ross"}, "'ross', which does not exist: did you "),
    ],
)
def test_contradictions_and_unknown_classes_are_refused(second, message, folder, corrections):
    shutil.copy(folder / "daisy" / "0.png", folder / "daisy" / "again.png")
    first = {"name": "daisy/0.png", "decision": "relabel", "new_label": "rose"}
    with pytest.raises(DataError, match=f"corrections.json: .*{message}"):
        Dataset.open(folder, corrections=corrections(first, second))


def test_the_same_decision_twice_is_one(folder, corrections):
    given = {"name": "daisy/0.png", "decision": "relabel", "new_label": "rose"}
    assert len(Dataset.open(folder, corrections=corrections(given, given)).corrected.decisions) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", r"it begins with 'nonsense': expected a corrections file, .*\{\"corrections\""),
        ("name,decision\nred/1.png,exclude\n", r"cannot be read: JSON .*; it begins with 'name,decision': expected"),
        ("{}", "missing required field `corrections`: expected a corrections file"),
        ('{"pictures": 3, "findings": []}', "unknown field `pictures`.*expected a corrections file"),
        ("", "it is empty: expected"),
        ('{"format": 2}', "Invalid enum value 2"),
        ('{"corrections": [{"name": "a", "decision": "delete"}]}', "Invalid enum value 'delete'"),
        ('{"corrections": [{"name": "a", "decision": "relabel"}]}', "a is to be relabelled, but new_label is missing"),
        ('{"corrections": [{"name": "a", "decision": "keep", "new_label": "b"}]}', "its decision is 'keep'"),
        ('{"corrections": [{"name": "a", "decision": "keep", "lable": "b"}]}', "did you mean 'label'"),
    ],
)
def test_a_file_that_is_not_valid_is_refused(text, message, tmp_path):
    path = tmp_path / "corrections.json"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        load(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"none\.json cannot be read \(No such file"):
        load(tmp_path / "none.json")


def test_names_of_any_kind_come_back_and_match(folder, add_picture, tmp_path):
    """Tags, quotes, escape codes, and a letter that macOS writes as two characters."""
    names = ["<script>alert(1)</script>", 'a"b\\c', "\x1b[31mred", unicodedata.normalize("NFD", "Müller")]
    for name in names:
        add_picture(folder / "daisy" / f"{name.replace('/', '_')}.png")
    shown = [printable(name) for name in Dataset.open(folder).source.names if "/0" not in name and "daisy" in name]
    given = [
        Correction(name=unicodedata.normalize("NFC", name), decision="relabel", new_label="rose") for name in shown
    ]
    save(Corrections(origin="flowers", corrections=tuple(given)), tmp_path / "corrections.json")
    assert load(tmp_path / "corrections.json").corrections == tuple(given)
    assert b"\x1b" not in (tmp_path / "corrections.json").read_bytes()
    dataset = Dataset.open(folder, corrections=tmp_path / "corrections.json")
    assert sorted(dataset.corrected.names("relabel")) == sorted(shown)
    assert len(dataset.corrected.decisions) == 3 + 4


def test_classes_match_in_both_forms_of_unicode(make_folder, corrections):
    folder = make_folder({unicodedata.normalize("NFD", "käfer"): 3, "wespe": 3})
    given = {"name": "wespe/0.png", "decision": "relabel", "new_label": unicodedata.normalize("NFC", "käfer")}
    assert [*np.bincount(Dataset.open(folder, corrections=corrections(given)).labels)] == [4, 2]


def test_what_a_person_keeps_is_not_left_out_by_a_list(folder, corrections):
    path = corrections(
        {"name": "daisy/0.png", "decision": "keep"},
        {"name": "daisy/1.png", "decision": "exclude"},
        {"name": "daisy/2.png", "decision": "relabel", "new_label": "rose"},
    )
    dataset = Dataset.open(
        folder, corrections=path, exclude=[f"daisy/{number}.png" for number in range(3)] + ["rose/3.png"]
    )
    left_out = {"daisy/1.png", "rose/3.png"}
    assert set(labels(Dataset.open(folder))) - set(labels(dataset)) == left_out


def test_a_group_stays_whole_when_a_label_in_it_is_corrected(folder, corrections):
    """Groups by name are found in the classes that the folders give: a wrong label does not end a film."""
    path = corrections({"name": "daisy/0.png", "decision": "relabel", "new_label": "rose"})
    plain, corrected = (Dataset.open(folder, group_by=r"(\w+)/", corrections=given) for given in ("", path))
    assert [*corrected.groups] == [*plain.groups]


def test_corrections_of_other_images_say_so(folder, corrections):
    given = [{"name": f"cats/{number}.png", "decision": "exclude"} for number in range(5)]
    dataset = Dataset.open(folder, corrections=corrections(*given))
    message = r"none of its 5 images \(cats/0.png, cats/1.png, cats/2.png and 2 more\) is among the 12 images of .*pict"
    with pytest.raises(DataError, match=message):
        dataset.corrected.require_found(dataset.origin, len(dataset))


def test_what_was_applied_applies_again_to_the_same(folder, corrections, tmp_path):
    """A run keeps the decisions with the names of its images: read again, they change the same images."""
    shutil.copy(folder / "daisy" / "0.png", folder / "daisy" / "again.png")
    digest = digest_of(Dataset.open(folder), "rose/0.png")
    path = corrections(
        {"name": "daisy/0.png", "decision": "relabel", "new_label": "rose"},
        {"name": "elsewhere/0.png", "decision": "exclude", "digest": digest},
        {"name": "gone.png", "decision": "keep"},
    )
    first = Dataset.open(folder, corrections=path)
    save(Corrections(corrections=first.corrected.decisions), tmp_path / "kept.json")
    second = Dataset.open(folder, corrections=tmp_path / "kept.json")
    assert labels(second) == labels(first)
    assert second.corrected.decisions == first.corrected.decisions
    assert (first.corrected.missing, second.corrected.missing) == (("gone.png",), ())


CLASSES = ("a", "b", "c")
IMAGES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2), st.sampled_from(["", "keep", "exclude", *CLASSES])))


@given_any(IMAGES, st.randoms())
def test_decisions_change_what_they_name_and_exact_duplicates_with_it(images, random):
    """Against a plain reading of the rules, for images of five contents with any labels and decisions."""
    digests = Digests.of([bytes([1 + content]) * 16 for content, _, _ in images])
    source = ArraySource([np.zeros((1, 1, 3), np.uint8)] * len(images))
    given = [
        Correction(
            name=name, digest=digest.hex(), label=CLASSES[label],
            decision=decision if decision in ("keep", "exclude") else "relabel",
            new_label=decision if decision in CLASSES else "",
        )
        for name, digest, (_, label, decision) in zip(source.names, digests, images, strict=True) if decision
    ]  # fmt: skip
    random.shuffle(given)
    ends = {  # the classes that images of one content get, or keep, by decisions
        content: {decision if decision in CLASSES else CLASSES[label] for each, label, decision in images
                  if each == content and decision not in ("", "exclude")}
        for content in range(5)
    }  # fmt: skip
    moved = {content for content, label, decision in images if decision in CLASSES and decision != CLASSES[label]}
    found = FoundImages(source, CLASSES, [label for _, label, _ in images])
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "c.json"
        save(Corrections(corrections=tuple(given)), path)
        patch.setattr(packs, "digests_of", lambda source, report: digests)
        if any(len(ends[content]) > 1 for content in moved):
            with pytest.raises(DataError, match="the two have the same pixels"):
                correct(found, path)
            return
        left, applied = correct(found, path)
    expected = {}
    for name, (content, label, decision) in zip(source.names, images, strict=True):
        followed = [new for each, old, new in images if each == content and old == label and new in CLASSES]
        if decision != "exclude":
            new = decision if decision in CLASSES else followed[0] if followed and not decision else CLASSES[label]
            expected[name] = new
    assert {name: CLASSES[label] for name, label in zip(left.source.names, left.labels, strict=True)} == expected
    assert not applied.missing and not applied.changed
