import pytest

from eyebright.runs.options import gather, read_config
from eyebright.runs.options import with_settings as changed
from eyebright.runs.request import Request
from eyebright.system.errors import SettingsError
from eyebright.training.settings import AUGMENTATIONS, Settings


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


def test_contradictions_are_found_when_all_is_set():
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
    request = gather({}, file(
        'pictures = "../flowers"', 'output = "/runs/one"', 'network = "net"', 'weights = "w.pth"', "batch-size = 4",
        "learning_rate = 1", 'augment = "zoom=0.3,hue"', 'log = "csv, tensorboard"', 'from = "old"',
        "label_smoothing = 0.0",
    ))  # fmt: skip
    place, settings = tmp_path / "configs", request.training
    assert request == Request(
        training=settings,
        pictures=str(place / "../flowers"), output="/runs/one", network=str(place / "net"),
        weights=str(place / "w.pth"), augment="zoom=0.3,hue", log=("csv", "tensorboard"), start_from=str(place / "old"),
        given=frozenset({"batch_size", "learning_rate", "label_smoothing", *AUGMENTATIONS}),
        mirror=True,
    )  # fmt: skip
    expected = {"batch_size": 4, "learning_rate": 1.0, "label_smoothing": 0.0, "zoom": 0.3, "hue": 0.05}
    assert settings == Settings(flip=False, rotation=0.0, **expected)


def test_what_is_typed_wins(file):
    config = file(
        'pictures = "a"', 'output = "b"', "epochs = 9", "seed = 4", "split_seed = 5", 'network = "resnet18"',
        "validation = 0.3", "flip = true", "extended_at = [3]", 'excluded = ["x"]',
    )  # fmt: skip
    plain = gather({}, config)
    settings = plain.training
    assert (plain.network, plain.split_seed, settings.extended_at, settings.seed) == ("resnet18", 5, (3,), 4)
    typed = {"pictures": "c", "epochs": 2, "seed": 7, "augment": "zoom", "split": "s.csv", "network": "mlp"}
    request = gather(typed, config)
    settings = request.training
    assert (request.pictures, request.network, request.split, request.validation) == ("c", "mlp", "s.csv", 0.15)
    assert request.split_seed is None  # the seed that was typed decides the split, as its help says
    assert (settings.epochs, settings.extended_at, settings.seed) == (2, (), 7)
    assert (settings.flip, settings.zoom) == (False, 0.1)
    assert request.names_left_out() == {"x"}
    assert not gather({"exclude": "audit.json"}, config).excluded


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["epoch = 3"], r"run\.toml: there is no option 'epoch': did you mean 'epochs'\?"),
        (["form = 'x'"], r"'form': did you mean 'from'\?"),
        (["batch-size = 3", "batch_size = 3"], "'batch_size' is there twice, with - and with _: use only one"),
        (["augment = 'flip'", "zoom = 0.2"], "augment and zoom contradict each other"),
        (["exclude = 'a.json'", "excluded = ['x']"], "exclude and excluded contradict each other"),
        (["epochs = 'many'"], r"Expected `int`, got `str` - at `\$\.epochs`"),
        (["epochs = -1"], "epochs must be from 0"),
        (["size = 'large'"], r"run\.toml with the options cannot be read: Expected `int"),
        (["resize = 'corp'"], r"did you mean 'crop'"),
        (["split = 3"], r"Expected `str`, got `int` - at `\$\.split`"),
        (["network = 3"], r"Expected `str`, got `int` - at `\$\.network`"),
        (["[training]", "epochs = 2", "[more]", "x = 1"], "contains a table, 'more': expected only lines"),
        (["training = 3"], "there is no option 'training'"),
        (["epochs 3"], r"run\.toml cannot be read: .*expected lines such as epochs = 30"),
        (["pictures = 'arrays 12ab'"], "images in memory"),
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
    request = gather(typed, file("pictures = 'p'", "network = 'mlp'", "epochs = 9", "minutes = 2", "extended_at = [3]"))
    settings = request.training
    assert (settings.epochs, settings.minutes) == (epochs, minutes)
    assert settings.extended_at == (() if {"epochs", "minutes"} & typed.keys() else (3,))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"no\.toml cannot be read: No such file"):
        gather(HERE, tmp_path / "no.toml")


def test_pictures_and_output_may_come_from_either(file):
    request = gather({"pictures": "flowers"}, file("pictures = 'p'", "output = 'o'"))
    assert request.pictures == "flowers" and request.output.endswith("configs/o")


def test_older_files_are_read(tmp_path):
    """Their settings are in a table, and some had other names."""
    path = tmp_path / "config.toml"
    path.write_text('pictures = "p"\nfit = "pad"\nsize = 8\n[training]\nepochs = 3\njudge_start = true\n')
    settings = Settings(epochs=3, keep_start_if_better=True)
    expected = Request(pictures="p", resize="pad", size=8, training=settings)
    assert read_config(path) == expected
    assert gather({}, path).resize == "pad"


def test_the_former_name_of_an_option_is_accepted_with_a_notice():
    with pytest.warns(FutureWarning, match="the option fit is now called resize"):
        assert gather({"pictures": "p", "fit": "pad"}).resize == "pad"
    with pytest.warns(FutureWarning, match="the option judge_start is now called keep_start_if_better"):
        assert gather({"judge_start": True}).training.keep_start_if_better
    assert gather({"set": ["judge_start=true"]}).training.keep_start_if_better


def test_an_unknown_option_names_the_nearest():
    with pytest.raises(SettingsError, match=r"there is no option 'epoch': did you mean 'epochs'\?"):
        gather({"epoch": 3})


def test_auto_trains_only_a_head_unless_more_is_asked_for():
    assert gather({"pictures": "p"}).training.epochs == 0
    assert gather({"pictures": "p", "epochs": 4}).training.epochs == 4
    assert gather({"pictures": "p", "network": "mlp"}).training.epochs == gather({"from": "m"}).training.epochs == 15


@pytest.mark.parametrize("log", ["csv, tensorboard", ["csv,tensorboard"], ["csv", "tensorboard"]])
def test_logs_are_separated_by_commas_or_repeated(log, file):
    assert gather({"log": log}).log == ("csv", "tensorboard")
    assert gather({}, file(f"log = {log!r}")).log == ("csv", "tensorboard")


def test_mirroring_is_asked_for_by_naming_flip_or_augment():
    """Otherwise images are only mirrored if that is found to do no harm."""
    assert not gather({"epochs": 3}).mirror
    for options in ({"flip": True}, {"flip": False}, {"augment": "zoom"}):
        assert gather(options).mirror


def test_an_option_is_not_taken_by_its_old_and_its_new_name(file):
    for typed, config in (({"fit": "crop", "resize": "pad"}, None), ({}, file("fit = 'crop'\nresize = 'pad'"))):
        with pytest.raises(SettingsError, match="fit is the old name of resize: use only resize"):
            gather(typed, config)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"size": 0}, "size must be 1 pixel or more, got 0"), ({"output": ""}, "output is empty: give the folder")],
)
def test_what_is_empty_is_not_taken_for_the_default(options, words):
    with pytest.raises(SettingsError, match=words):
        gather(options)


def test_a_budget_without_time_is_refused():
    with pytest.raises(SettingsError, match="minutes must be above 0"):
        gather({"minutes": 0.0})
