import gc
import tarfile
import tracemalloc

import numpy as np
import pytest

from eyebright import Dataset, Preparation
from eyebright.data.pictures import open_picture
from eyebright.data.prepare import split
from eyebright.data.sources import shards
from eyebright.data.sources.find import find_images
from eyebright.data.sources.ranged import LocalFile
from eyebright.system import cache
from eyebright.system.errors import DataError, PictureError

SIZE = Preparation(width=12, height=10)
FOLDER = tarfile.DIRTYPE.decode()


def classes_by_name(found) -> dict[str, str]:
    return {name: found.classes[label] for name, label in zip(found.source.names, found.labels, strict=True)}


def test_every_image_of_every_shard_is_read_from_its_place(tmp_path, noise, samples):
    for number, name in enumerate(["train-000", "train-001", "test-000"]):
        (tmp_path / f"{name}.tar").write_bytes(samples(range(7 * number, 7 * number + 7)))
    found = find_images(tmp_path)
    assert found.classes == ("blue", "red")
    assert found.sides == ["test"] * 7 + ["train"] * 14
    assert found.source.names[0] == "test-000/00014.png"
    for index in np.random.default_rng(0).permutation(21):
        number = int(found.source.names[index][-9:-4])
        np.testing.assert_array_equal(open_picture(found.source.open(index), SIZE), noise(number))
        assert found.classes[found.labels[index]] == ("red" if number % 2 else "blue")


def test_images_have_the_same_split_from_a_folder_and_from_shards(tmp_path, encoded, samples):
    (tmp_path / "a.tar").write_bytes(samples(range(40)))
    for number in range(40):
        place = tmp_path / "folder" / ("red" if number % 2 else "blue") / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(encoded(number))
    sides = []
    for path in (tmp_path / "a.tar", tmp_path / "folder"):
        dataset = Dataset.open(path, seed=5)
        pack = dataset.pack(SIZE)
        sides.append(dict(zip(pack.digests, split(dataset, pack).tolist(), strict=True)))
    assert sides[0] == sides[1] and len(sides[0]) == 40


@pytest.mark.parametrize(
    ("name", "content", "label"),
    [("cls", b"7", "7"), ("json", b'{"label": "rose"}', "rose"), ("json", b'{"caption": "a rose"}', "folder")],
)
def test_the_class_is_the_label_or_else_the_folder(tmp_path, make_tar, name, content, label):
    (tmp_path / "a.tar").write_bytes(make_tar({"folder/1.jpg": b"...", f"folder/1.{name}": content}))
    assert classes_by_name(find_images(tmp_path / "a.tar")) == {"a/folder/1.jpg": label}


def test_folders_common_to_all_samples_are_not_classes(tmp_path, make_tar):
    names = ["./photos/rose/1.jpg", "photos/rose/2024/2.jpg", "photos/iris/1.jpg", "photos/rose"]
    (tmp_path / "a.tar").write_bytes(make_tar(dict.fromkeys(names[:3], b"...") | {names[3]: FOLDER}))
    assert list(classes_by_name(find_images(tmp_path / "a.tar")).values()) == ["rose", "rose", "iris"]


def test_a_class_without_an_image_is_left_out_with_the_reason(tmp_path, make_tar):
    (tmp_path / "a.tar").write_bytes(make_tar({"1.cls": b"a", "2.cls": b"a", "2.jpg": b""}))
    source = find_images(tmp_path / "a.tar").source
    with pytest.raises(PictureError, match="no image in its sample"):
        source.open(0)
    with pytest.raises(PictureError, match="empty file"):
        open_picture(source.open(1), SIZE)


def test_bad_images_are_left_out(tmp_path, encoded, make_tar):
    members = {f"{n}.png": encoded(n) for n in range(6)} | {f"{n}.cls": b"ab"[n % 2 :][:1] * 2 for n in range(6)}
    members["3.png"] = members["3.png"][:60]
    members["4.png"] = b"words"
    (tmp_path / "a.tar").write_bytes(make_tar(members))
    pack = Dataset.open(tmp_path / "a.tar").pack(SIZE)
    assert [left.name for left in pack.left_out] == ["a/3.png", "a/4.png"]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({}, "contains no images: expected tar files with samples such as 0001.jpg"),
        ({"1.txt": b"..."}, "contains no images"),
        ({"1.jpg": b"..."}, r"1\.jpg has no class: expected 1\.cls or \.json"),
        (
            {"1.jpg": b"...", "1.cls": b"1", "2.jpg": b"...", "2.cls": b"1.0"},
            "the classes '1' and '1.0', which are one number",
        ),
        ({"1.jpg": b"...", "1.cls": b"aa", "2.jpg": b"..."}, r"1 of 2 samples have no class, such as 2\.jpg"),
    ],
)
def test_shards_without_images_or_classes_are_refused(tmp_path, make_tar, members, words):
    (tmp_path / "a.tar").write_bytes(make_tar(members))
    with pytest.raises(DataError, match=words) as problem:
        find_images(tmp_path / "a.tar")
    assert "a.tar" in str(problem.value)


def test_an_image_that_is_too_large_is_left_out_without_reading_it(tmp_path):
    places = np.array([[0, 512, (1 << 29) + 1], [0, 512, 1 << 29]])
    (tmp_path / "a.tar").write_bytes(b"")
    source = shards.ShardSource([LocalFile(tmp_path / "a.tar")], [""], places, ["0.png", "1.png"], "")
    with pytest.raises(PictureError, match="too large: 537 MB, at most 537 MB are read"):
        source.open(0)
    with pytest.raises(DataError, match="changed while it was being read"):  # this one is read
        source.open(1)


def test_a_shard_that_shrinks_while_it_is_read_is_an_error(tmp_path, samples):
    place = tmp_path / "a.tar"
    place.write_bytes(samples(range(3)))
    source = find_images(place).source
    place.write_bytes(b"")
    with pytest.raises(DataError, match=r"a\.tar was changed while it was being read"):
        source.open(2)
    place.unlink()
    with pytest.raises(DataError, match=r"a\.tar cannot be read: No such file"):
        source.open(2)


def test_the_stamp_of_a_image_changes_with_its_shard(tmp_path, samples):
    (tmp_path / "a.tar").write_bytes(samples(range(2)))
    (tmp_path / "b.tar").write_bytes(samples(range(2)))
    first = find_images(tmp_path).source
    (tmp_path / "b.tar").write_bytes(samples(range(1, 3)))
    second = find_images(tmp_path).source
    assert [first.stamp(index) == second.stamp(index) for index in range(4)] == [True, True, False, False]
    assert len({first.stamp(index) for index in range(4)}) == 4


def test_shards_with_special_characters_in_their_names_are_distinct(tmp_path, samples):
    for name in ("a?1.tar", "a?2.tar"):
        (tmp_path / name).write_bytes(samples(range(2)))
    assert len(set(find_images(tmp_path).source.names)) == 4


def test_images_are_counted_while_memory_stays_flat(tmp_path, make_tar):
    """Two thousand images of 20 kB are 40 MB; only their places are kept."""
    members = {f"x/{number}.jpg": bytes(20_000) for number in range(2_000)}
    (tmp_path / "a.tar").write_bytes(make_tar(members))
    del members
    reports = []
    gc.collect()
    tracemalloc.start()
    found = find_images(tmp_path / "a.tar", lambda *call: reports.append(call))
    for index in range(2_000):
        found.source.open(index)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reports == [("scanning", count, None) for count in (1_000, 2_000, 2_000)]
    assert peak < 20_000_000


def test_a_pattern_of_shards_is_a_data_set_with_splits(tmp_path, samples):
    (tmp_path / "flowers-train-0.tar").write_bytes(samples(range(20)))
    (tmp_path / "flowers-val-0.tar").write_bytes(samples(range(20, 30)))
    dataset = Dataset.open(tmp_path / "flowers-{train,val}-0.tar")
    assert dataset.classes == ("blue", "red")
    assert dataset.sides.tolist() == [0] * 20 + [1] * 10
    assert dataset.typical_side() == 10
    assert not dataset.pack(SIZE).left_out


def test_images_of_a_server_that_reports_only_sizes_do_not_come_from_the_pack_of_an_earlier_run(
    serve, tmp_path, make_tar, encoded, noise, monkeypatch
):
    address, _ = serve(tags=False)
    for number, run in enumerate(["first", "second"]):
        monkeypatch.setattr(shards, "_RUN", run)
        content = make_tar({"0.png": encoded(number), "0.cls": b"red"})
        (tmp_path / "served" / "a.tar").write_bytes(content)
        with pytest.warns(UserWarning, match=r"/a\.tar does not report when a file changes"):
            dataset = Dataset.open(f"{address}/a.tar")
        np.testing.assert_array_equal(dataset.pack(SIZE).read([0])[0], noise(number))
        before = len(cache.entries())
        with pytest.warns(UserWarning, match="does not report"):
            Dataset.open(f"{address}/a.tar").pack(SIZE)  # again in the same run
        assert len(cache.entries()) == before
        assert "shards" not in {entry.kind for entry in cache.entries()}
