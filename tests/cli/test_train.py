import inspect
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image
from safetensors.numpy import load_file

import eyebright as eb
from eyebright.cli.app import app
from eyebright.report.progress import Display
from eyebright.runs import heal, learning_rate, resume
from eyebright.runs import train as training
from eyebright.runs.folder import Run
from eyebright.runs.request import FIELDS, Request, descriptions
from eyebright.system.errors import SettingsError
from eyebright.training.events.event import StepDone
from eyebright.training.events.fitting import EpochEnded, SharedOut, Stopped
from eyebright.training.events.results import Healed, VerdictReached
from eyebright.training.receivers import EventLog
from eyebright.training.settings import Settings

OPTIONS = [
    "--network", "mlp", "--size", "8", "--epochs", "2", "--batch-size", "8", "--precision", "float32", "--seed", "3",
]  # fmt: skip
LOW = [*OPTIONS, "--learning-rate", "1e-6"]  # next to nothing is learned


def weights_of(run: Path) -> dict[str, np.ndarray]:
    return load_file(run / "model" / "weights.safetensors")


def same(one: Path, other: Path) -> bool:
    first, second = weights_of(one), weights_of(other)
    return all(np.array_equal(first[name], second[name]) for name in first)


def interrupt_at(epoch: int, patch: pytest.MonkeyPatch) -> None:
    """A Ctrl-C during an epoch."""
    show = Display.__call__

    def interrupted(self: Display, event: object) -> None:
        show(self, event)
        if isinstance(event, StepDone) and event.epoch == epoch:
            raise KeyboardInterrupt

    patch.setattr(Display, "__call__", interrupted)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `pictures`, with a colour for each class, and a `run` whose learning rate was too low."""
    place, random = tmp_path_factory.mktemp("trained"), np.random.default_rng(7)
    for index, label in enumerate(("blue", "green", "red")):
        (place / "pictures" / label).mkdir(parents=True)
        for number in range(24):
            pixels = random.integers(0, 120, (20, 24, 3)) + 100 * (np.arange(3) == index)
            Image.fromarray(pixels.astype(np.uint8)).save(place / "pictures" / label / f"{number:03d}.png")
    settings = Settings(epochs=2, batch_size=8, precision="float32", seed=3, learning_rate=1e-6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EYEBRIGHT_CACHE", str(place / "cache"))
        eb.train(place / "pictures", place / "run", network="mlp", size=8, settings=settings, flip=True)
    return place


@pytest.fixture
def pictures(trained: Path) -> Path:
    """The images of the run; they are only read."""
    return trained / "pictures"


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the run."""
    return shutil.copytree(trained / "run", tmp_path / "a run")


# Options


@pytest.fixture
def requested(eyebright: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Request]:
    """Gives the request that the command makes of options, without doing anything."""

    def stop(request: Request, **_: object) -> None:
        requests.append(request)
        raise SettingsError("this is enough")

    requests: list[Request] = []
    assert heal.run_request is training.run_request  # imported before it is replaced
    monkeypatch.setattr(training, "run_request", stop)

    def requested(*arguments: str | Path) -> Request:
        finished = eyebright("train", *arguments)
        assert finished.err.endswith("Error: this is enough\n") and finished.code == 1
        return requests[-1]

    return requested


def test_the_short_name_of_the_learning_rate_is_known(requested, pictures):
    assert requested(pictures, "--lr", "0.003").training.learning_rate == 0.003


def test_the_options_and_their_defaults_are_those_of_request_and_settings():
    own = {"config", "set", "find_lr", "resume", "heal", "json", "fit"}
    parameters = {
        name.removesuffix("_"): parameter
        for parameter in typer.main.get_command(app).get_command(None, "train").params
        if (name := parameter.name)
    }
    settings, texts = Settings(), descriptions(Request) | descriptions(Settings)
    assert own < parameters.keys()
    assert FIELDS.keys() - parameters.keys() == {"start_sha256", "split_seed", "excluded", "mirror"}
    for name in parameters.keys() - own:
        field = FIELDS.get(name)
        expected = field.default if field else getattr(settings, name)
        if name in ("pictures", "minutes", "epochs", "log"):
            expected = None  # depends on the other options
        if name == "augment":
            expected = "flip,rotation=0.1,zoom=0.1"
        assert parameters[name].default == expected, name
        assert parameters[name].help == texts[field.name if field else name].replace("`", ""), name
    assert (settings.flip, settings.rotation, settings.zoom) == (True, 0.1, 0.1)


def test_help_describes_every_option(eyebright):
    lines = eyebright("train", "--help").out
    text = " ".join(lines.split())
    for parameter in typer.main.get_command(app).get_command(None, "train").params:
        if parameter.hidden:
            assert f"--{parameter.name} " not in text
            continue
        shown = {"output": "-o, --output", "pictures": "PICTURES"}.get(parameter.name)
        shown = shown or f"--{parameter.name.removesuffix('_').replace('_', '-')}"
        assert re.search(rf"^  {re.escape(shown)}\b", lines, re.MULTILINE), shown
        assert inspect.cleandoc(parameter.help) in text, shown
    assert max(map(len, lines.splitlines())) <= 80


def test_every_typed_option_reaches_the_request(requested, pictures, tmp_path):
    typed = {
        "network": "mlp", "weights": "w.pth", "from": "old", "size": 24, "resize": "pad", "epochs": 4, "batch-size": 16,
        "learning-rate": 0.01, "augment": "flip,hue", "patience": 0, "precision": "float32", "seed": 5,
        "validation": 0.2, "test": 0.1, "group-by": r"(\d+)_", "split": "s.csv", "exclude": "audit.json",
        "exclude-kinds": "near copies", "corrections": "c.json", "log": "csv",
    }  # fmt: skip
    words = [word for name, value in typed.items() for word in (f"--{name}", str(value))]
    request = requested(pictures, "-o", tmp_path / "run", "--overwrite", *words)
    fields = {name.replace("-", "_"): value for name, value in typed.items()} | {"overwrite": True, "log": ("csv",)}
    settings = {name: value for name, value in fields.items() if name in Settings.__struct_fields__}
    changes = {"flip": True, "hue": 0.05, "rotation": 0.0, "zoom": 0.0}
    assert request.training == Settings(**settings | changes)
    for name, value in fields.items() - settings.items():
        assert getattr(request, FIELDS[name].name) == value, name
    assert (request.pictures, request.output) == (str(pictures), str(tmp_path / "run"))
    assert request.mirror


def test_without_options_only_the_output_is_chosen(requested, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    request = requested(pictures)
    assert request == Request(pictures=str(pictures), output="pictures_run", training=Settings(epochs=0))


def test_any_setting_can_be_set_by_its_name(requested, pictures):
    given = ["optimizer=sgd", "weight_decay=5e-4", "frozen=conv_1,conv_2", "epochs=2", "minutes=0"]
    request = requested(pictures, *(word for setting in given for word in ("--set", setting)))
    assert request.training == Settings(optimizer="sgd", weight_decay=5e-4, frozen=("conv_1", "conv_2"), epochs=2)


def test_typed_options_win_over_those_in_a_file(requested, pictures, tmp_path):
    (tmp_path / "some.toml").write_text('network = "mlp"\nseed = 4\nepochs = 9\naugment = "hue"\nresize = "pad"\n')
    request = requested(pictures, "--config", tmp_path / "some.toml", "--seed", "5", "--minutes", "2")
    assert (request.network, request.resize, request.pictures) == ("mlp", "pad", str(pictures))
    assert (request.training.seed, request.training.minutes, request.training.hue) == (5, 2.0, 0.05)


@pytest.mark.filterwarnings("always")
def test_the_former_name_of_resize_works_with_a_notice(requested, eyebright, pictures):
    assert requested(pictures, "--fit", "pad").resize == "pad"
    assert "Warning: the option fit is now called resize" in eyebright("train", pictures, "--fit", "pad").err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--augment", "flop"], "'flop' is unknown"),
        (["--augment", "zoom=much"], "'much' in 'zoom=much' is not a number"),
        (["--epochs", "-1"], "epochs must be from 0"),
        (["--epochs", "0", "--network", "lenet5"], "epochs = 0 would not train anything"),
        (["--minutes", "1", "--epochs", "3"], "minutes and epochs contradict each other"),
        (["--network", "flower_cnn"], "did you mean 'flowers_cnn'"),
        (["--set", "emma=0.9"], "--set emma=0.9: there is no setting 'emma': did you mean 'ema'?"),
        (["--set", "ema"], "--set ema: expected NAME=VALUE, such as --set ema=0.999"),
        (["--set", "epochs=many"], "--set epochs=many: Expected `int`, got `str`"),
        (["--set", "ema=2"], "ema must be from 0 to 0.999999, got 2"),
        (["--set", "frozen=conv_9", "--network", "flowers_cnn"], "unknown layer or stage 'conv_9'"),
        (["--log", "csw"], "did you mean 'csv'"),
        (["--config", "missing.toml"], "missing.toml cannot be read"),
        (["--resume", "elsewhere"], "leave out output, pictures"),
        (["--resume", "run", "--config", "run.toml"], "leave out config, output, pictures"),
        (["--resume", "run", "--find-lr"], "leave out find_lr, output, pictures"),
    ],
)
def test_an_invalid_option_is_one_message_before_any_work(options, words, eyebright, pictures, tmp_path):
    finished = eyebright("train", pictures, "-o", tmp_path / "run", *options)
    assert finished.code == 1
    assert words in finished.err and finished.err.startswith("Error: ") and "Traceback" not in finished.err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "no images given: expected eyebright train PICTURES -o RUN, or --config FILE, or --resume RUN"),
        (["nowhere"], "nowhere does not exist"),
        (["--resume", "nowhere"], "nowhere is not a run"),
    ],
)
def test_images_or_a_run_must_be_given(options, words, eyebright, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    finished = eyebright("train", *options)
    assert finished.code == 1 and words in finished.err


def test_an_option_of_the_wrong_type_is_a_usage_error(eyebright, pictures):
    for option, value in (("--size", "large"), ("--resize", "corp"), ("--nonsense", "1")):
        finished = eyebright("train", pictures, option, value)
        assert finished.code == 2 and option in finished.err


def test_without_torch_it_says_what_to_install(pictures, tmp_path):
    program = "import sys; sys.modules['torch'] = None; from eyebright.cli.app import main; main()"
    command = [sys.executable, "-c", program, "train", pictures, "-o", tmp_path / "run", "--size", "16"]
    finished = subprocess.run(command, capture_output=True, text=True)
    assert finished.returncode == 1
    assert "pip install 'eyebright[train]'" in " ".join(finished.stderr.split()) and "Traceback" not in finished.stderr
    assert not (tmp_path / "run").exists()


# Training


def test_the_course_is_shown_in_80_columns_and_ends_with_the_next_command(eyebright, pictures, tmp_path):
    finished = eyebright("train", pictures, "-o", tmp_path / "run", *OPTIONS)
    assert finished.code == 0, finished.err
    for words in ("72 ", "3 classes", "   2/2 ", "Test accuracy", "Model saved: "):
        assert words in finished.out
    assert finished.out.splitlines()[-1] == f"To predict:  eyebright predict {tmp_path / 'run'} PICTURES..."
    assert all(len(line) <= 80 for line in finished.out.replace(str(tmp_path), "").splitlines())
    refused = eyebright("train", pictures, "-o", tmp_path / "run", *OPTIONS)
    assert refused.code == 1 and "already exists" in refused.err and "--overwrite" in refused.err


def test_only_json_goes_to_stdout_and_a_config_repeats_the_run(eyebright, run, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(run)
    finished = eyebright("train", "--config", "config.toml", "-o", tmp_path / "again", "--json")
    assert finished.code == 0, finished.err
    result = json.loads(finished.out)
    assert result["run"] == str(tmp_path / "again") and not result["interrupted"]
    assert result["test"]["pictures"] == 12 and "Test accuracy" in finished.err
    assert same(run, tmp_path / "again")
    assert (tmp_path / "again" / "config.toml").read_text() == (run / "config.toml").read_text()


def test_a_config_repeats_what_was_chosen(eyebright, pictures, tmp_path, monkeypatch):
    """On another processor something else would be chosen; that does not matter."""
    import torch

    options = ["--network", "flowers_cnn", "--size", "16", "--epochs", "2", "--batch-size", "8", "--seed", "3"]
    options += ["--validation", "0.2", "--augment", "flip,hue=0.1,mixup", "--exclude-kinds", "near copies"]
    assert eyebright("train", pictures, "-o", tmp_path / "run", *options).code == 0
    text = (tmp_path / "run" / "config.toml").read_text()
    for line in ('precision = "float32"', "threads = ", "size = 16", 'resize = "crop"', "hue = 0.1", "split_seed = 3"):
        assert line in text
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setattr("eyebright.training.torch.hardware._LARGE", 0)
    monkeypatch.setattr("eyebright.system.machine.cores", lambda: 1)
    repeated = eyebright("train", "--config", tmp_path / "run" / "config.toml", "-o", tmp_path / "again")
    assert repeated.code == 0, repeated.err
    assert same(tmp_path / "run", tmp_path / "again")
    assert (tmp_path / "again" / "config.toml").read_text() == text


# Interrupting and continuing


def test_an_interrupted_training_is_continued_by_the_command_that_is_shown(eyebright, pictures, tmp_path, monkeypatch):
    place = tmp_path / "a run"
    with monkeypatch.context() as patch:
        interrupt_at(2, patch)
        stopped = eyebright("train", pictures, "-o", place, *OPTIONS)
    assert stopped.code == 130
    last = stopped.out.splitlines()[-1]
    assert last == f"To continue the training: eyebright train --resume '{place}'"
    assert (place / "model" / "model.json").exists()
    resumed = eyebright(*shlex.split(last.partition(": ")[2])[1:])
    assert resumed.code == 0, resumed.err
    assert "   2/2 " in resumed.out and "   1/2 " not in resumed.out
    assert [event.reason for event in Run(place).read_events() if isinstance(event, Stopped)] == [
        "interrupted", "finished",
    ]  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that could be handled")
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_keeps_the_best_model_as_ctrl_c_does(pictures, tmp_path, name, code):
    script = (
        "import os, signal, sys\nfrom eyebright.cli import app\nfrom eyebright.report.progress import Display\n"
        "show = Display.__call__\n"
        "def killed(self, event):\n    show(self, event)\n"
        "    if type(event).__name__ == 'StepDone' and event.epoch == 2:\n"
        f"        os.kill(os.getpid(), signal.{name})\n"
        "Display.__call__ = killed\nsignal.signal(signal.SIGHUP, signal.SIG_DFL)\napp.main()\n"
    )
    run, options = tmp_path / "run", ["train", str(pictures), "-o", str(tmp_path / "run"), *OPTIONS]
    stopped = subprocess.run([sys.executable, "-c", script, *options], capture_output=True, text=True, check=False)
    assert stopped.returncode == code, stopped.stderr
    assert stopped.stdout.splitlines()[-1] == f"To continue the training: eyebright train --resume {run}"
    assert (run / "model" / "model.json").exists()


def test_an_interrupt_before_the_first_epoch_says_how_to_continue(eyebright, pictures, tmp_path, monkeypatch):
    interrupt_at(1, monkeypatch)
    stopped = eyebright("train", pictures, "-o", tmp_path / "run", *OPTIONS, "--json")
    assert stopped.code == 130 and not stopped.out
    assert f"Interrupted. To continue: eyebright train --resume {tmp_path / 'run'}\n" in stopped.err


def test_an_interrupt_before_the_training_promises_no_run(eyebright, pictures, tmp_path, monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "open_pictures", interrupted)
    stopped = eyebright("train", pictures, "-o", tmp_path / "run", *OPTIONS)
    assert stopped.code == 130
    assert "Interrupted before the training started." in stopped.err and "--resume" not in stopped.err
    assert not (tmp_path / "run").exists()


def test_a_finished_run_gets_more_epochs_and_no_other_option(eyebright, run):
    refused = eyebright("train", "--resume", run)
    assert refused.code == 1 and f"{run} is complete" in refused.err
    refused = eyebright("train", "--resume", run, "--epochs", "30", "--batch-size", "4", "--fit", "pad")
    assert refused.code == 1
    assert "--resume RUN takes all options except --epochs from the run: leave out batch_size, fit" in refused.err
    resumed = eyebright("train", "--resume", run, "--epochs", "3")
    assert resumed.code == 0, resumed.err
    assert "   3/3 " in resumed.out and "   2/3 " not in resumed.out
    assert [event.epoch for event in Run(run).read_events() if isinstance(event, EpochEnded)] == [1, 2, 3]


def test_a_command_that_a_launcher_starts_again_continues_its_run(eyebright, run, pictures, monkeypatch):
    """The options of the first start are ignored; without a launcher, the run would be in the way."""
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "this")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    log = EventLog(run / "events.jsonl")
    log(SharedOut(processes=2, batch_size=8, norms=False, group="this"))
    command = ["train", pictures, "-o", run, *OPTIONS]
    assert eyebright(*command).code == 0  # it is complete
    log(Stopped(reason="interrupted", epoch=2, best_epoch=1))
    before = weights_of(run)
    finished = eyebright(*command)
    assert finished.code == 0, finished.err
    assert all(np.array_equal(before[name], value) for name, value in weights_of(run).items())
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "other")
    assert "already exists" in eyebright(*command).err


# Healing


def test_a_training_is_healed_at_once_and_the_better_model_is_named(eyebright, pictures, tmp_path):
    run = tmp_path / "run"
    finished = eyebright("train", pictures, "-o", run, *LOW, "--heal")
    assert finished.code == 0, finished.err
    for words in ("Learning rate too low", "Healing (learning rate too low)", "learning_rate 0.002"):
        assert words in finished.out
    (healed,) = (event for event in Run(run).read_events() if isinstance(event, Healed))
    assert finished.out.splitlines()[-1] == f"To predict:  eyebright predict {healed.kept} PICTURES..."
    assert all(len(line) <= 80 for line in finished.out.replace(str(tmp_path), "").splitlines())


def test_the_command_that_is_advised_repeats_the_run_with_that_change(eyebright, run, pictures, tmp_path):
    (judged,) = (event for event in Run(run).read_events() if isinstance(event, VerdictReached))
    words = shlex.split(judged.advice.splitlines()[-1].replace("RUN", shlex.quote(str(run))))
    assert words[:2] == ["eyebright", "train"]
    assert eyebright(*(str(tmp_path / "new") if word == "NEW" else word for word in words[1:])).code == 0
    before, after = (Run(path).read()[0] for path in (run, tmp_path / "new"))
    assert after == before.changed(learning_rate=2e-3)
    assert (run / "split.csv").read_bytes() == (tmp_path / "new" / "split.csv").read_bytes()


def test_a_finished_run_is_healed_without_being_trained_again(eyebright, run, tmp_path):
    healed = eyebright("train", "--resume", run, "--heal", "--json")
    assert healed.code == 0, healed.err
    result = json.loads(healed.out)["healing"]
    assert result["after"]["right"] - result["before"]["right"] == round(
        result["difference"]["value"] * result["after"]["of"]
    )
    assert result["kept"] in (str(run), str(run / "healed"))
    assert sum(isinstance(event, EpochEnded) for event in Run(run).read_events()) == 2
    again = eyebright("train", "--resume", run, "--heal")
    assert again.code == 1 and "healed already exists" in again.err and "Healing" not in again.out
    other = eyebright("train", "--resume", run, "--heal", "-o", tmp_path / "other")
    assert other.code == 0, other.err
    assert (tmp_path / "other" / "model").is_dir()


@pytest.mark.parametrize(("kind", "advised"), [("sound", False), ("overfitting", True)])
def test_healing_is_offered_only_if_something_is_advised(kind, advised, eyebright, run, monkeypatch):
    remedy = {"rotation": 0.3} if advised else {}
    EventLog(run / "events.jsonl")(VerdictReached(kind=kind, text="", advice="", remedy=remedy))
    place = shlex.quote(str(run))
    monkeypatch.setattr(resume, "resume", lambda *_, **__: None)
    *_, before, command, last = ["", "", *eyebright("train", "--resume", run, "--epochs", "3").out.splitlines()]
    offered = [f"To try the advice ({kind}):", f"  eyebright train --resume {place} --heal"]
    assert ([before, command] == offered) == advised
    assert last == f"To predict:  eyebright predict {place} PICTURES..."
    if not advised:
        finished = eyebright("train", "--resume", run, "--heal")
        assert finished.code == 0
        assert "Nothing to heal: " in finished.out and finished.out.splitlines()[-1] == last


def test_healing_that_is_interrupted_is_continued_by_the_command_that_is_shown(eyebright, run, tmp_path, monkeypatch):
    EventLog(run / "events.jsonl")(VerdictReached(kind="overfitting", text="", advice="", remedy={"rotation": 0.3}))
    with monkeypatch.context() as patch:
        interrupt_at(2, patch)
        stopped = eyebright("train", "--resume", run, "--heal", "-o", tmp_path / "second")
    assert stopped.code == 130
    last = stopped.out.splitlines()[-1]
    assert last == (
        f"To continue the training: eyebright train --resume {shlex.quote(str(run))} --heal -o {tmp_path / 'second'}"
    )
    assert not any(isinstance(event, Healed) for event in Run(run).read_events())
    finished = eyebright(*shlex.split(last.partition(": ")[2])[1:])
    assert finished.code == 0, finished.err
    assert "Healing (overfitting)" in finished.out
    assert any(isinstance(event, Healed) for event in Run(run).read_events())


def test_healing_gets_what_the_first_training_left_of_the_minutes(eyebright, run, pictures, monkeypatch):
    """Too little is no failure: the run is as good as before."""
    EventLog(run / "events.jsonl")(VerdictReached(kind="underfitting", text="", advice="", remedy={"minutes": 4.0}))
    monkeypatch.setattr(training, "run_request", lambda *_, **__: SimpleNamespace(interrupted=False))
    clock = iter([0.0, 5.0])  # seconds, at the start and after the training
    monkeypatch.setattr("eyebright.cli.train.time", SimpleNamespace(monotonic=lambda: next(clock)))
    finished = eyebright("train", pictures, "-o", run, "--minutes", "0.3", "--heal")
    assert finished.code == 0, finished.err
    place = shlex.quote(str(run))
    assert finished.out.splitlines()[-3:] == [
        "Not healed: healing needs at least 18.0 s, the budget is 13.0 s.",
        f"To heal without a budget: eyebright train --resume {place} --heal",
        f"To predict:  eyebright predict {place} PICTURES...",
    ]
    assert not (run / "healed").exists()


def test_a_finished_run_is_healed_in_the_minutes_that_are_given(eyebright, run):
    EventLog(run / "events.jsonl")(VerdictReached(kind="underfitting", text="", advice="", remedy={"minutes": 4.0}))
    finished = eyebright("train", "--resume", run, "--heal", "--minutes", "0.2")
    assert finished.code == 0, finished.err
    assert re.search(r"Not healed: healing needs at least 1\d\.\d s, the budget is (\d+\.\d) s\.", finished.out)
    assert "takes all options except --epochs from the run: leave out minutes; --minutes is the time for --heal" in (
        eyebright("train", "--resume", run, "--minutes", "3").err
    )
    assert "minutes must be above 0" in eyebright("train", "--resume", run, "--heal", "--minutes", "0").err


# Finding a learning rate


def test_a_learning_rate_is_suggested_and_drawn_instead_of_trained(eyebright, pictures, tmp_path):
    figure, options = tmp_path / "rate.png", [*OPTIONS, "--find-lr"]
    finished = eyebright("train", pictures, "-o", figure, *options)
    assert finished.code == 0, finished.err
    suggested = re.search(r"Suggested: --learning-rate (\S+)\n", finished.out)
    assert 1e-5 < float(suggested[1]) < 1
    command = f"eyebright train {pictures} -o RUN --network mlp --learning-rate {suggested[1]}"
    assert f"  {command}" in finished.out.splitlines()
    with Image.open(figure) as drawn:
        assert drawn.format == "PNG"
    assert {path.name for path in tmp_path.iterdir()} == {"rate.png"}
    result = json.loads(eyebright("train", pictures, "--json", *options).out)
    assert float(f"{result['suggestion']:.2g}") == float(suggested[1]) and result["network"] == "mlp"
    assert len(result["rates"]) == len(result["losses"]) == len(result["smoothed"])


@pytest.mark.parametrize(
    ("typed", "network"),
    [([], "flowers_cnn"), (["--network", "auto"], "flowers_cnn"), (["--network", "mlp", "--weights", "w"], "mlp")],
)
def test_a_learning_rate_is_searched_with_the_same_options_for_a_named_network(
    typed, network, eyebright, pictures, monkeypatch
):
    """`--network auto` has no learning rate to find: it tries networks of its own."""

    def stop(dataset: eb.Dataset, **options: object) -> None:
        given.append((dataset, options))
        raise SettingsError("this is enough")

    given: list[tuple[eb.Dataset, dict[str, Any]]] = []
    monkeypatch.setattr(learning_rate, "find_learning_rate", stop)
    more = ["--size", "16", "--batch-size", "8", "--resize", "pad", "--seed", "4"]
    assert "this is enough" in eyebright("train", pictures, "--find-lr", *typed, *more).err
    ((dataset, options),) = given
    assert (options["network"], options["size"], options["resize"]) == (network, 16, "pad")
    assert options["weights"] == ("w" if "--weights" in typed else "")
    assert (options["settings"].batch_size, dataset.seed) == (8, 4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--from", "old"], "--find-lr and --from old: use only one of them"),
        (["-o", "run"], "with --find-lr, expected a PNG file as -o, such as -o learning_rate.png; got run"),
        (["-o", "there.png"], "there.png already exists"),
        (["-o", "missing/rate.png"], "missing"),
        (["-o", "{pictures}/red/000.png", "--overwrite"], "nothing is written"),
    ],
)
def test_the_figure_of_a_learning_rate_replaces_nothing(options, words, eyebright, pictures, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.png").write_bytes(b"mine")
    before = (pictures / "red" / "000.png").read_bytes()
    finished = eyebright("train", pictures, "--find-lr", *(word.format(pictures=pictures) for word in options))
    assert finished.code == 1 and words in finished.err and "Suggested" not in finished.out
    assert (tmp_path / "there.png").read_bytes() == b"mine"
    assert (pictures / "red" / "000.png").read_bytes() == before
