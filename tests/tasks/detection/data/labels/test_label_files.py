"""Where files with labels lie: in folders of the usual names, in upper or lower case."""

from eyebright.tasks.detection.data.labels.label_files import files_in, folder_of_labels, places_in


def test_files_and_places(tmp_path):
    for name in ("Annotations/a.XML", "train/b.xml", "other/c.xml", "d.xml", ".e.xml", "f.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "g.xml").mkdir()
    places = places_in(tmp_path, "annotations")
    assert [place.name for place in places[1:]] == ["Annotations", "train"] and places[0] == tmp_path
    assert [file.name for place in places for file in files_in(place, {".xml"})] == ["d.xml", "a.XML", "b.xml"]


def test_a_file_in_a_folder_of_labels_is_about_the_folder_above(tmp_path):
    (tmp_path / "Labels").mkdir()
    for name in ("Labels/a.json", "b.json"):
        (tmp_path / name).touch()
        assert folder_of_labels(tmp_path / name) == tmp_path
    assert folder_of_labels(tmp_path / "Labels") == tmp_path / "Labels"
