import hashlib
import json
import shlex
import tarfile

import pytest

from eyebright.data.published.sets import SETS, PublishedFile
from eyebright.model.export import web_runtime


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("EYEBRIGHT_CACHE", str(tmp_path / "cache"))


def test_the_list_names_every_set_with_its_size_and_licence_in_80_columns(eyebright):
    finished = eyebright("fetch", "--list")
    assert finished.code == 0 and max(map(len, finished.out.splitlines())) <= 80
    words = " ".join(finished.out.split())
    assert all(f"\n{name} " in finished.out and own.licence in words for name, own in SETS.items())
    assert "228.8 MB" in finished.out
    rows = {row["name"]: row for row in json.loads(eyebright("fetch", "--list", "--json").out)}
    assert rows.keys() == SETS.keys() and rows["cifar10"]["bytes"] == 170_052_171


def test_fetch_prints_the_place_the_licence_the_size_and_the_next_command(eyebright, tmp_path):
    finished = eyebright("fetch", "digits", "-o", tmp_path / "my digits")
    assert finished.code == 0, finished.err
    assert (
        f"{tmp_path}/my digits" in finished.out
        and "Alpaydin and Kaynak" in finished.out
        and "Downloaded: nothing" in finished.out
    )
    command = finished.out.partition("To train on it:\n")[2].replace("\\\n", "")
    assert shlex.split(command) == ["eyebright", "train", f"{tmp_path}/my digits", "-o", "digits_run"]


def test_what_was_fetched_can_be_trained_on_with_the_command_that_json_gives(
    eyebright, tmp_path, monkeypatch, few_digits
):
    monkeypatch.chdir(tmp_path)
    result = json.loads(eyebright("fetch", "digits", "--json").out)
    assert result["command"] == f"eyebright train {result['place']} -o digits_run"
    finished = eyebright(*result["command"].split()[1:], "--epochs", "1", "--size", "8", "--network", "mlp")
    assert finished.code == 0, finished.err


def test_without_a_network_the_message_says_which_file_to_put_where(eyebright, tmp_path, monkeypatch):
    own = PublishedFile("http://127.0.0.1:9/flower_photos.tgz", 10, "0" * 64)
    monkeypatch.setitem(SETS, "flowers", SETS["flowers"]._replace(files=(own,)))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    finished = eyebright("fetch", "flowers")
    assert finished.code == 1 and "Traceback" not in finished.err
    assert finished.err.startswith(f"Error: {own.address} ")
    assert f"download it in another way and save it as {tmp_path}" in finished.err
    assert "eyebright fetch flowers --from flower_photos.tgz" in finished.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [([], "the name of a data set is missing, as in eyebright fetch flowers"), (["mnits"], "did you mean 'mnist'")],
)
def test_an_unknown_or_missing_name_is_refused(eyebright, arguments, words):
    finished = eyebright("fetch", *arguments)
    assert finished.code == 1 and words in finished.err


def test_the_bar_counts_megabytes(eyebright, tmp_path, monkeypatch):
    shown = []

    def fetch_set(name, folder, *, given, report):
        report("fetching a.tgz", 120_500_000, 228_800_000)
        report("unpacking", 3_999_999, None)
        return tmp_path

    monkeypatch.setattr("eyebright.data.published.fetch.fetch_set", fetch_set)
    monkeypatch.setattr("eyebright.report.progress.Display.bar", lambda _, *arguments: shown.append(arguments))
    assert eyebright("fetch", "flowers").code == 0
    assert shown == [("fetching a.tgz", 120, 229, "MB"), ("unpacking", 3, None, "MB")]


def test_the_runtime_of_web_pages_is_fetched_by_its_name_too(eyebright, tmp_path, monkeypatch):
    package = tmp_path / "own.tgz"
    with tarfile.open(package, "w:gz") as archive:
        for name in (web_runtime.SCRIPT, web_runtime.BINARY, web_runtime.CARD):
            archive.addfile(tarfile.TarInfo(f"package/{name}"))
    monkeypatch.setattr(web_runtime, "SHA256", hashlib.sha256(package.read_bytes()).hexdigest())
    finished = eyebright("fetch", "onnxruntime-web", "--from", package)
    assert finished.code == 0 and f"{tmp_path}/cache" in finished.out, finished.err
    assert finished.out.endswith("To make a page with it:\neyebright export MODEL --to web -o FOLDER\n")
    assert json.loads(eyebright("fetch", "onnxruntime-web", "--json").out)["bytes"] == 33_106_585
    assert "leave -o out" in eyebright("fetch", "onnxruntime-web", "-o", tmp_path / "x").err
    assert "onnxruntime-web" in eyebright("fetch", "--list").out
