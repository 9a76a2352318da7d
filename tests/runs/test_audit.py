import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eyebright.data.audit.findings import save
from eyebright.data.dataset import Dataset
from eyebright.data.sources.source import ArraySource
from eyebright.runs import audit
from eyebright.system.errors import DataError, DownloadError, EyebrightError
from eyebright.training.events.event import Progress
from eyebright.training.events.starting import Corrected


def landscape(seed: int) -> Image.Image:
    """Large random shapes, different for each seed."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return Image.fromarray(small).resize((90, 90), Image.Resampling.BICUBIC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of 30 images; three images of the first class are also there mirrored."""
    for number in range(60):
        place = tmp_path / "pictures" / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        landscape(number).save(place / f"{number:02d}.png")
    for number in (0, 20, 40):
        mirrored = landscape(number).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        mirrored.save(tmp_path / "pictures" / "a" / f"{number:02d}_again.jpg", quality=90)
    (tmp_path / "pictures" / "b" / "broken.jpg").write_bytes(b"no image")
    return tmp_path / "pictures"


def digests_of(folder: Path) -> dict[Path, str]:
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def no_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """Published weights cannot be downloaded; an audit is faster without them."""

    def missing(*_: object, **__: object) -> None:
        raise DownloadError("no connection")

    monkeypatch.setattr(audit, "features", missing)


def test_near_duplicates_and_damaged_files_are_found_and_nothing_changes(folder: Path) -> None:
    before, events = digests_of(folder), []
    found = audit.audit(folder, callbacks=[events.append])
    near = {finding.pictures for finding in found.audit.of("near-duplicates")}
    assert near == {(f"a/{number:02d}.png", f"a/{number:02d}_again.jpg") for number in (0, 20, 40)}
    assert [finding.pictures for finding in found.audit.of("unreadable")] == [("b/broken.jpg",)]
    stages = {event.stage for event in events if isinstance(event, Progress)}
    assert stages >= {"scanning", "preparing", "comparing", "computing features"}
    assert digests_of(folder) == before


def test_out_of_fold_probabilities_ignore_images_of_the_same_group() -> None:
    """Random labels, two images per group: only a classifier that was trained on the other image knows its label."""
    random = np.random.default_rng(1)
    points, classes = random.normal(size=(100, 400)).astype(np.float32), random.integers(0, 2, 100)
    features, labels, groups = np.repeat(points, 2, axis=0), np.repeat(classes, 2), np.repeat(np.arange(100), 2)
    grouped, alone = (audit.out_of_fold(features, labels, 2, numbers) for numbers in (groups, None))
    assert (grouped.argmax(axis=1) == labels).mean() < 0.65 < 0.7 < (alone.argmax(axis=1) == labels).mean()
    assert grouped.max() < 0.9  # a classifier that knows nothing is not confident, once calibrated


@pytest.mark.usefixtures("no_features")
def test_the_leak_of_a_random_split_is_not_estimated_where_the_split_is_given(folder: Path) -> None:
    for number in range(0, 24, 2):  # each with a duplicate: so a random split would leak
        (folder / "a" / f"{number:02d}_too.png").write_bytes((folder / "a" / f"{number:02d}.png").read_bytes())
    assert audit.audit(folder).leak > 0
    given = folder.parent / "given"
    given.mkdir()
    folder.rename(given / "train")
    for number, label in ((100, "a"), (101, "b")):
        (given / "test" / label).mkdir(parents=True)
        landscape(number).save(given / "test" / label / "new.png")
    assert audit.audit(given).leak is None


@pytest.mark.usefixtures("no_features")
@pytest.mark.usefixtures("no_features")
def test_a_set_that_is_a_copy_of_another_is_reported_as_a_training_says_it(folder: Path) -> None:
    (folder / "b" / "broken.jpg").unlink()
    folder.rename(folder.parent / "train")
    for copy in ("val", "test"):
        for name in "ab":
            place = folder / copy / name
            place.mkdir(parents=True)
            for seed in range(3):
                landscape(100 + seed + 10 * ord(name)).save(place / f"{seed}.png")
    (folder.parent / "train").rename(folder / "train")
    assert (
        "A training would refuse this: all 6 validation images are also in the test set: one is a copy of the other; "
        "remove the copy (a validation or test set that is missing is taken from the training images)."
    ) in audit.audit(folder).audit.notes


def test_what_leaks_between_given_sets_is_reported_with_its_number(folder: Path) -> None:
    given = folder.parent / "given"
    given.mkdir()
    folder.rename(given / "train")
    for number, label in ((100, "a"), (101, "b")):
        (given / "test" / label).mkdir(parents=True)
        landscape(number).save(given / "test" / label / "new.png")
    (given / "test" / "a" / "old.png").write_bytes((given / "train" / "a" / "00.png").read_bytes())
    assert (
        "Leak: 1 of the 3 test images (33.3%) has a near-duplicate or an image of its group in the training set."
        in audit.audit(given).audit.notes
    )


def test_out_of_fold_probabilities_find_swapped_labels_and_skip_classes_that_cannot_be_checked() -> None:
    """Three far clouds, labelled 1, 4 and 7, two swapped labels; all three images of class 5 are in one group."""
    random = np.random.default_rng(0)
    true = np.append(np.repeat([1, 4, 7], 120), [5, 5, 5])
    features = (8 * np.eye(8)[true] + random.normal(0, 0.4, (363, 8))).astype(np.float32)
    labels, groups = true.copy(), np.minimum(np.arange(363), 360)
    labels[[3, 130]] = 7, 1
    probabilities = audit.out_of_fold(features, labels, 9, groups)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert set(np.flatnonzero(probabilities.argmax(axis=1) != labels)) == {3, 130}
    assert probabilities[[3, 130], [1, 4]].min() > 0.9 and probabilities[[3, 130], [7, 1]].max() < 0.02
    assert (probabilities[360:] == np.eye(9)[5]).all() and not probabilities[:, [0, 2, 3, 6, 8]].any()


@pytest.mark.parametrize(
    ("labels", "groups"), [([], []), ([0, 0, 0], [0, 1, 2]), ([0, 1, 0, 1], [3, 3, 3, 3]), ([0, 1], [0, 1])]
)
def test_labels_are_checked_only_if_there_is_something_to_compare(labels: list[int], groups: list[int]) -> None:
    features = np.eye(4, dtype=np.float32)[: len(labels)]
    with pytest.raises(DataError, match="at least two classes, and two groups of images"):
        audit.out_of_fold(features, np.array(labels, np.int64), 2, np.array(groups, np.int64))


@pytest.mark.parametrize("given", ["sides", "groups"])
def test_a_label_is_not_checked_by_duplicates_of_its_image(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six duplicates of an image of the first class, exact and mirrored, are labelled as the second class."""
    random = np.random.default_rng(0)
    thumbnails = random.integers(0, 256, (601, 8, 8, 3), np.uint8).repeat(4, axis=1).repeat(4, axis=2)
    images = [*thumbnails[:600], *[thumbnails[600]] * 3, *[thumbnails[600, :, ::-1]] * 3]
    labels = np.repeat([0, 1, 2, 1], [200, 200, 200, 6])
    points = (8 * np.eye(8)[labels] + random.normal(0, 0.4, (606, 8))).astype(np.float32)
    points[600:] = 8 * np.eye(8)[0] + 5 * np.eye(8)[7]  # a classifier trained on one of them would know the others
    options = {"sides": {"sides": ["train"] * 606}, "groups": {"groups": ["one", "one", *[""] * 604]}}[given]
    dataset = Dataset(ArraySource(images), ["a", "b", "c"], labels, **options)

    class Known:
        rows = np.arange(606)
        read = staticmethod(points.__getitem__)

    monkeypatch.setattr(audit, "features", lambda *_, **__: Known)
    monkeypatch.setattr(Dataset, "open", lambda *_, **__: dataset)
    found = audit.audit("anywhere").audit.of("probably mislabelled")
    assert {name for finding in found for name in finding.pictures} == set(dataset.source.names[600:606])


def test_empty_folders_hold_nothing_to_audit(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
    with pytest.raises(DataError, match=r"there are no images in the folders of .*pictures"):
        audit.audit(tmp_path / "pictures")


@pytest.mark.parametrize(("most", "count"), [(40, 40), (62, 62), (63, 63)])
def test_of_many_images_the_labels_of_a_sample_are_checked(most: int, count: int, folder: Path, monkeypatch) -> None:
    """63 images can be opened."""

    class Drawn:
        """Random features of the images that have a digest."""

        def __init__(self, read: object, digests: list[bytes], *_: object, **__: object) -> None:
            self.rows = np.where([bool(digest) for digest in digests], 0, -1)

        def read(self, indices: np.ndarray) -> np.ndarray:
            computed.append(len(indices))
            return np.random.default_rng(0).normal(size=(len(indices), 8)).astype(np.float32)

    computed: list[int] = []
    monkeypatch.setattr(audit, "features", Drawn)
    monkeypatch.setattr(audit, "SAMPLE", most)
    notes = audit.audit(folder).audit.notes
    assert computed[0] == count
    assert any(f"sample of {most}" in note for note in notes) == (most < 63)


@pytest.mark.usefixtures("no_features")
def test_without_published_weights_everything_but_the_labels_is_checked(folder: Path) -> None:
    found = audit.audit(folder)
    assert len(found.audit.of("near-duplicates")) == 3
    assert any("no connection" in note for note in found.audit.notes)


@pytest.mark.usefixtures("no_features")
def test_the_findings_are_written_as_json(folder: Path, tmp_path: Path) -> None:
    found = audit.audit(folder)
    save(found.audit, tmp_path / "audit.json")
    data = json.loads((tmp_path / "audit.json").read_text())
    assert data["origin"] == str(folder) and "near-duplicates" in json.dumps(data)


@pytest.mark.usefixtures("no_features")
def test_the_page_contains_its_images_and_escapes_their_names(folder: Path, tmp_path: Path) -> None:
    hostile = folder / "a" / "<b>&\n.png"
    hostile.write_bytes((folder / "a" / "02.png").read_bytes())
    audit.write_page(audit.audit(folder), tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert page.count("data:image/jpeg;base64,") == 8  # the duplicate and three pairs
    assert "&lt;b&gt;&amp;\\n.png" in page and "<b>&" not in page
    assert "broken.jpg" in page and "http:" not in page and "https:" not in page


@pytest.mark.parametrize(
    "address",
    [
        "memory://bucket/none.tar?token=secret", "memory://bucket/none?token=secret",
        "memory://bucket/a-{0..1}.csv?token=secret", "memory://bucket/a-{5..1}.tar?token=secret",
        "nosuch://me:secret@bucket/a.tar", "http://127.0.0.1:9/a.tar?token=secret",
        "http://me:secret@127.0.0.1:9/a.tar",
    ],
)  # fmt: skip
def test_an_error_shows_an_address_without_its_token(address: str) -> None:
    with pytest.raises(EyebrightError) as caught:
        audit.audit(address)
    assert "://" in str(caught.value) and not re.search("secret", str(caught.value))


@pytest.mark.usefixtures("no_features")
def test_images_that_were_decided_about_are_not_reported_again(folder: Path, tmp_path: Path) -> None:
    """Of three pairs of near-duplicates, one is kept as it is, and one image of another is left out."""
    decisions = [
        {"name": "a/00.png", "decision": "keep"},
        {"name": "a/00_again.jpg", "decision": "keep"},
        {"name": "a/20_again.jpg", "decision": "exclude"},
        {"name": "a/40.png", "decision": "keep"},
    ]
    path, events = tmp_path / "corrections.json", []
    path.write_text(json.dumps({"corrections": decisions}))
    found = audit.audit(folder, corrections=path, callbacks=[events.append])
    assert [finding.pictures for finding in found.audit.of("near-duplicates")] == [("a/40.png", "a/40_again.jpg")]
    assert found.audit.pictures == 64 - 1
    (shown,) = [event for event in events if isinstance(event, Corrected)]
    assert (shown.kept, shown.excluded, shown.relabelled) == (3, 1, 0)


@pytest.mark.usefixtures("no_features")
def test_corrections_of_other_images_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "corrections.json").write_text('{"corrections": [{"name": "c.png", "decision": "keep"}]}')
    with pytest.raises(DataError, match=r"none of its 1 image \(c.png\) is among the 64 images of .*pictures"):
        audit.audit(folder, corrections=tmp_path / "corrections.json")
