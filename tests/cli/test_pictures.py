from pathlib import Path

import pytest

from eyebright.cli.pictures import Fetched, require_free, sources_of
from eyebright.system.errors import OutputError, SettingsError


def test_folders_give_their_images_and_addresses_wait(tmp_path: Path) -> None:
    for name in ("b.png", "a.png", "notes.txt"):
        (tmp_path / name).touch()
    found = sources_of([str(tmp_path), "https://example.org/x.png", "single.jpg"])
    names = [name for name, _ in found]
    assert [Path(name).name for name in names[:2]] == ["a.png", "b.png"]
    assert names[-2:] == ["https://example.org/x.png", "single.jpg"]
    assert isinstance(found[-2][1], Fetched) and found[-1][1] == Path("single.jpg")


def test_a_folder_without_images_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"there are no images in {tmp_path}"):
        sources_of([str(tmp_path)])


def test_an_address_is_downloaded_once_until_it_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[str]()
    monkeypatch.setattr("eyebright.system.downloads.fetch", lambda address: asked.append(address) or b"x")
    image = Fetched("https://example.org/x.png")
    assert (image(), image()) == (b"x", b"x") and len(asked) == 1
    image.forget()
    assert image() == b"x" and len(asked) == 2


@pytest.mark.parametrize(
    ("place", "overwrite", "words"),
    [
        ("there.json", False, "there.json already exists"),
        ("no/where.json", False, "no/where.json cannot be written: .*no"),
        ("pictures/audit.json", False, "pictures/audit.json .* nothing is written"),
        ("pictures/a/00.png", True, "pictures/a/00.png .* nothing is written"),
        ("link/audit.json", False, "link/audit.json .* nothing is written"),
    ],
)
def test_nothing_is_written_among_the_images_or_over_another_file(place, overwrite, words, tmp_path) -> None:
    folder = tmp_path / "pictures"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "00.png").write_text("an image")
    (tmp_path / "there.json").write_text("mine")
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(OutputError, match=words):
        require_free([tmp_path / "free.json", tmp_path / place], folder, overwrite=overwrite)
    require_free([tmp_path / "there.json"], folder, overwrite=True)
    require_free([tmp_path / "free.json"], folder, overwrite=False)
