import tomllib

import msgspec
import numpy as np
import pytest
import tomli_w
import typer
from safetensors.numpy import load_file

from eyebright.cli import train_options, train_request
from eyebright.cli.app import app
from eyebright.cli.train_request import Request, changed, gather, names_left_out
from eyebright.runs.folder import SETTINGS, Run, RunConfig
from eyebright.system.errors import SettingsError
from eyebright.training.settings import Settings


def test_texts_become_values_of_the_settings_types():
    given = ["epochs=3", "learning-rate = 1e-3", "flip=false", "schedule=one-cycle", "frozen=conv1, layer1", "zoom=0"]
    found = changed(Settings(), given)
    assert found == Settings(
        epochs=3, learning_rate=1e-3, flip=False, schedule="one-cycle", frozen=("conv1", "layer1"), zoom=0.0
    )
    assert changed(found, ["frozen="]).frozen == ()


def test_the_last_one_counts_and_others_stay():
    found = changed(Settings(seed=7), ["ema=0.9", "ema=0.99"])
    assert (found.ema, found.seed) == (0.99, 7)


def test_contradictions_are_judged_when_all_is_set():
    with pytest.raises(SettingsError, match=r"weight_decay=0\.3 is too large for optimizer='sgd'"):
        changed(Settings(), ["optimizer=sgd"])
    assert changed(Settings(), ["optimizer=sgd", "weight_decay=0"]).optimizer == "sgd"


HERE = {"pictures": "flowers", "output": "run"}


@pytest.fixture
def file(tmp_path):
    """Writes a file of settings in a folder of its own."""

    def write(*lines: str):
        (tmp_path / "configs").mkdir(exist_ok=True)
        path = tmp_path / "configs" / "run.toml"
        path.write_text("\n".join(lines), encoding="utf-8")
        return path

    return write


def test_a_file_stands_for_options_and_paths_in_it_are_relative_to_it(file, tmp_path):
    (tmp_path / "configs" / "net").parent.mkdir()
    (tmp_path / "configs" / "net").write_text("{}")
    request, settings = gather({}, file(
        'pictures = "../flowers"', 'output = "/runs/one"', 'network = "net"', 'weights = "w.pth"', "batch-size = 4",
        "learning_rate = 1", 'augment = "zoom=0.3,hue"', 'log = "csv, tensorboard"', 'from = "old"',
        "label_smoothing = 0.0",
    ))  # fmt: skip
    place = tmp_path / "configs"
    assert request == Request(
        pictures=str(place / "../flowers"), output="/runs/one", network=str(place / "net"),
        weights=str(place / "w.pth"), augment="zoom=0.3,hue", log=("csv", "tensorboard"), start_from=str(place / "old"),
        mirror=True,
    )  # fmt: skip
    expected = {"batch_size": 4, "learning_rate": 1.0, "label_smoothing": 0.0, "zoom": 0.3, "hue": 0.05}
    assert settings == Settings(flip=False, rotation=0.0, **expected)


def test_what_is_typed_wins(file):
    config = file(
        'pictures = "a"', 'output = "b"', "epochs = 9", "seed = 4", "split_seed = 5", 'network = "resnet18"',
        "validation = 0.3", "flip = true", "extended_at = [3]", 'excluded = ["x"]',
    )  # fmt: skip
    plain, settings = gather({}, config)
    assert (plain.network, plain.split_seed, settings.extended_at, settings.seed) == ("resnet18", 5, (3,), 4)
    typed = {"pictures": "c", "epochs": 2, "seed": 7, "augment": "zoom", "split": "s.csv", "network": "mlp"}
    request, settings = gather(typed, config)
    assert (request.pictures, request.network, request.split, request.validation) == ("c", "mlp", "s.csv", 0.15)
    assert request.split_seed is None  # the seed that was typed decides the split, as its help says
    assert (settings.epochs, settings.extended_at, settings.seed) == (2, (), 7)
    assert (settings.flip, settings.zoom) == (False, 0.1)
    assert names_left_out(request) == {"x"}
    assert not gather({"exclude": "audit.json"}, config)[0].excluded


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["epoch = 3"], r"run\.toml: there is no setting 'epoch': did you mean 'epochs'\?"),
        (["form = 'x'"], r"'form': did you mean 'from'\?"),
        (["batch-size = 3", "batch_size = 3"], "'batch_size' stands there twice, with - and with _"),
        (["augment = 'flip'", "zoom = 0.2"], "augment and zoom contradict each other"),
        (["exclude = 'a.json'", "excluded = ['x']"], "exclude and excluded contradict each other"),
        (["epochs = 'many'"], r"Expected `int`, got `str` - at `\$\.epochs`"),
        (["epochs = -1"], "epochs must be from 0"),
        (["size = 'large'"], r"run\.toml with the options cannot be read: Expected `int"),
        (["fit = 'corp'"], r"did you mean 'crop'"),
        (["split = 3"], r"Expected `str`, got `int` - at `\$\.split`"),
        (["network = 3"], r"Expected `str`, got `int` - at `\$\.network`"),
        (["[training]", "epochs = 2", "[more]", "x = 1"], "holds a table, 'more': expected nothing but lines"),
        (["training = 3"], "there is no setting 'training'"),
        (["epochs 3"], r"run\.toml cannot be read: .*expected lines as in: epochs = 30"),
        (["pictures = 'arrays 12ab'"], "pictures in memory"),
        (["augment = 'blur'"], "'blur' is unknown"),
    ],
)
def test_what_makes_no_sense_in_a_file_is_named(lines, words, file):
    with pytest.raises(SettingsError, match=words):
        gather(HERE, file(*lines))


@pytest.mark.parametrize(
    ("typed", "epochs", "minutes"),
    [({"epochs": 18}, 18, 0.0), ({"minutes": 4.0}, 15, 4.0), ({"learning_rate": 1.0}, 9, 2.0)],
)
def test_time_that_is_typed_takes_the_place_of_that_in_the_file(typed, epochs, minutes, file):
    """Where there are minutes, they count, whatever the epochs."""
    _, settings = gather(
        typed, file("pictures = 'p'", "network = 'mlp'", "epochs = 9", "minutes = 2", "extended_at = [3]")
    )
    assert (settings.epochs, settings.minutes) == (epochs, minutes)
    assert settings.extended_at == (() if {"epochs", "minutes"} & typed.keys() else (3,))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"no\.toml cannot be read: No such file"):
        gather(HERE, tmp_path / "no.toml")


def test_pictures_and_output_may_come_from_either(file):
    with pytest.raises(SettingsError, match="no pictures given"):
        gather({}, file("epochs = 2"))
    request, _ = gather({"pictures": "flowers"}, file("pictures = 'p'", "output = 'o'"))
    assert request.pictures == "flowers" and request.output.endswith("configs/o")


def test_options_and_file_know_the_same_names_and_defaults():
    command = typer.main.get_command(app).commands["train"]
    names = {max(option.opts, key=len).lstrip("-").replace("-", "_"): option for option in command.params}
    fields = {field.encode_name: field.default for field in msgspec.structs.fields(Request)}
    beside = {"config", "resume", "json", "help", "set", "heal", "find_lr"}
    assert names.keys() - beside <= fields.keys() | SETTINGS
    for name in names.keys() & fields.keys() - {"network", "augment", "log"}:
        default = names[name].default
        assert (None if default in ("", False) else default) == (fields[name] or None), name
    for name in names.keys() & SETTINGS - {"epochs", "minutes"}:  # what these are depends on the network
        assert names[name].default == getattr(Settings(), name), name
    augment = train_request.augmentation(names["augment"].default)
    assert Settings().changed(augment) == Settings()
    assert train_options.__doc__


def test_the_names_in_a_runs_config_are_those_of_options_and_settings_apart():
    fields = {field.encode_name for field in msgspec.structs.fields(RunConfig)} - {"training"}
    assert not fields & SETTINGS
    assert fields <= {field.encode_name for field in msgspec.structs.fields(Request)}


def weights_of(run) -> dict[str, np.ndarray]:
    return load_file(run / "model" / "weights.safetensors")


def test_the_config_of_a_run_repeats_it_bit_for_bit(make_folder, eyebright, quick, tmp_path, monkeypatch):
    """With all that was measured: what another measurement would find here, does not matter."""
    import torch

    pictures = make_folder()
    options = [
        "--network",
        "flowers_cnn",
        "--augment",
        "flip,hue=0.1,mixup",
        "--validation",
        "0.2",
        "--exclude-kinds",
        "near copies",
    ]
    assert eyebright("train", pictures, "-o", tmp_path / "run", *quick, *options).code == 0
    text = (tmp_path / "run" / "config.toml").read_text()
    for line in ('precision = "float32"', "threads = ", "size = 16", 'fit = "crop"', "hue = 0.1", "split_seed = 3"):
        assert line in text
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setattr("eyebright.training.torch.hardware._SMALL", 0)
    monkeypatch.setattr("eyebright.training.torch.hardware._WORTHWHILE", 0)
    monkeypatch.setattr("eyebright.system.machine.cores", lambda: 1)
    monkeypatch.chdir(tmp_path / "run")
    repeated = eyebright("train", "--config", "config.toml", "-o", tmp_path / "again")
    assert repeated.code == 0, repeated.err
    one, two = weights_of(tmp_path / "run"), weights_of(tmp_path / "again")
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert (tmp_path / "again" / "config.toml").read_text() == text
    other = eyebright("train", "--config", "config.toml", "-o", tmp_path / "other", "--seed", "4")
    assert other.code == 0, other.err
    assert not np.array_equal(weights_of(tmp_path / "other")["conv_1.weight"], one["conv_1.weight"])


def test_a_run_with_its_own_network_and_model_to_start_from_is_repeated(make_folder, eyebright, tmp_path):
    from eyebright.network import zoo

    (tmp_path / "net.json").write_text(zoo.mlp(3, input_size=8).to_json())
    few = ["--epochs", "2", "--batch-size", "8", "--seed", "3"]
    arguments = ["train", make_folder(), "-o", tmp_path / "own", "--network", tmp_path / "net.json", *few]
    assert eyebright(*arguments, "--fit", "pad").code == 0
    (tmp_path / "net.json").unlink()  # the run has its own
    more = make_folder("more", classes=("red", "violet"), count=30)
    assert eyebright("train", more, "-o", tmp_path / "next", "--from", tmp_path / "own", *few).code == 0
    for name in ("own", "next"):
        again = tmp_path / f"{name} again"
        repeated = eyebright("train", "--config", tmp_path / name / "config.toml", "-o", again)
        assert repeated.code == 0, repeated.err
        one, two = weights_of(tmp_path / name), weights_of(again)
        assert all(np.array_equal(one[key], two[key]) for key in one)


def test_a_run_whose_network_was_found_is_repeated_with_that_one(run, eyebright, tmp_path):
    repeated = eyebright("train", "--config", run / "config.toml", "-o", tmp_path / "again")
    assert repeated.code == 0, repeated.err
    one, two = weights_of(run), weights_of(tmp_path / "again")
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_the_settings_of_an_older_run_stand_in_a_table(run):
    config, network = Run(run).read()
    data = tomllib.loads((run / "config.toml").read_text())
    training = {name: data.pop(name) for name in SETTINGS}
    (run / "config.toml").write_text(tomli_w.dumps(data | {"training": training}))
    assert Run(run).read() == (config, network)
