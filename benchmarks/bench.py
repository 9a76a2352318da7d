"""Speed compared with other tools: runs all contenders in turn, several times, and prints one table of ratios.

    make bench          the measurements that take a quarter of an hour
    make bench-all      also fifteen epochs with three seeds on both sides (45 minutes)

Every figure is the median over the rounds; contenders alternate within a round, so that a busy minute affects all of
them. Keras runs in a separate environment (.venv-peers), which the first run creates. EYEBRIGHT_DATA names the folder
with the real images (`flowers`). The table is printed and written to benchmarks/README.md.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from eyebright.system import machine

HERE = Path(__file__).parent
ROOT = HERE.parent
PEERS = HERE / "peers"
OWN = sys.executable
PEER_ENVIRONMENT = ROOT / ".venv-peers"
PEER = str(PEER_ENVIRONMENT / "bin" / "python")
BEGIN, END = "<!-- table begins -->", "<!-- table ends -->"


class Contender(NamedTuple):
    """Somebody who does the work: a command, its environment, and which figure of its report counts."""

    command: list[str]
    figure: Callable[[dict[str, Any]], float]
    environment: dict[str, str] = {}  # noqa: RUF012 - never changed


class Row(NamedTuple):
    """A line of the table; a ratio above 1 means that eyebright is better."""

    what: str
    ours: str
    theirs: str
    ratio: float
    aim: str


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Compare eyebright with its peers.")
    parser.add_argument("--all", action="store_true", help="also the long measurements")
    parser.add_argument("--rounds", type=int, default=5, help="alternating runs of every contender")
    parser.add_argument("--only", default="", help="only measurements whose name contains this")
    args = parser.parse_args()
    if "EYEBRIGHT_DATA" not in os.environ:
        parser.error("EYEBRIGHT_DATA is not set: it names the folder that holds flowers/")
    flowers = Path(os.environ["EYEBRIGHT_DATA"], "flowers")
    _make_peer_environment()
    measurements: dict[str, Callable[[], list[Row]]] = {
        "start": lambda: start_up(args.rounds),
        "predict": lambda: predict(flowers, args.rounds),
        "first pass": lambda: first_pass(args.rounds),
        "memory": memory,
        "training": lambda: training(flowers, args.rounds),
        "networks": lambda: networks(args.rounds),
    }
    if args.all:
        measurements["applications"] = lambda: applications(min(args.rounds, 3))
        measurements["story"] = lambda: story(flowers)
    rows = []
    for name, measure in measurements.items():
        if args.only in name:
            rows += measure()
    table = _table(rows, args.rounds)
    print(table)
    if not args.only:
        _write(table)


def start_up(rounds: int) -> list[Row]:
    """The time of the command and of the import."""
    found = _alternate(
        {
            "help": Contender([OWN, "-m", "eyebright", "--help"], _wall),
            "import": Contender([OWN, "-c", "import eyebright"], _wall),
            "python": Contender([OWN, "-c", "pass"], _wall),
        },
        rounds,
    )
    own_import = found["import"] - found["python"]
    return [
        Row("eyebright --help, seconds", f"{found['help']:.2f}", "0.30 allowed", 0.3 / found["help"], "1"),
        Row("import eyebright, seconds", f"{own_import:.3f}", "0.100 allowed", 0.1 / max(own_import, 1e-4), "1"),
    ]


def predict(flowers: Path, rounds: int) -> list[Row]:
    """From the command to the printed prediction."""
    work = _work()
    picture, model = str(next((flowers / "sunflower").iterdir())), work / "model"
    if not model.exists():
        program = (
            "import sys, eyebright as eb; eb.Classifier(eb.zoo.flowers_cnn(), "
            "['daisy', 'dandelion', 'rose', 'sunflower', 'tulip']).save(sys.argv[1])"
        )
        _run(Contender([OWN, "-c", program, str(model)], _wall))
    if not (work / "notes.keras").exists():
        _run(Contender([PEER, str(PEERS / "keras_make_model.py"), str(flowers), str(work / "notes.keras")], _wall))
    _run(Contender([OWN, "-m", "eyebright", "predict", str(model), picture], _wall))  # fills the cache
    onnx = str(model / "network.onnx")
    found = _alternate(
        {
            "eyebright": Contender([OWN, "-m", "eyebright", "predict", str(model), picture], _wall),
            "keras": Contender([PEER, str(PEERS / "keras_predict.py"), str(work / "notes.keras"), picture], _wall),
            "onnxruntime": Contender([PEER, str(PEERS / "onnxruntime_predict.py"), onnx, picture], _wall),
        },
        rounds,
    )
    ours, keras, bare = found["eyebright"], found["keras"], found["onnxruntime"]
    return [
        Row("one prediction, seconds, vs Keras", f"{ours:.2f}", f"{keras:.2f}", keras / ours, "6"),
        Row("the same vs a bare ONNX Runtime script", f"{ours:.2f}", f"{bare:.2f}", bare / ours, "-"),
        Row("the same, absolute", f"{ours:.2f}", "0.50 allowed", 0.5 / ours, "1"),
    ]


def first_pass(rounds: int) -> list[Row]:
    """Sixty photos of 12 megapixels."""
    photos = _work() / "photos"
    if not photos.exists():
        _run(Contender([OWN, str(PEERS / "make_photos.py"), str(photos)], _wall))
    where = [str(photos)]
    found = _alternate(
        {
            "eyebright": Contender([OWN, str(HERE / "eyebright_first_pass.py"), *where], _rate),
            "keras": Contender([PEER, str(PEERS / "keras_first_pass.py"), *where], _rate),
            "torch": Contender([OWN, str(PEERS / "torch_loader.py"), *where], _rate),
            "limit": Contender([OWN, str(PEERS / "jpeg_entropy.py"), *where], _rate),
        },
        rounds,
    )
    ours = found["eyebright"]
    what = "12-megapixel JPEGs per second, first pass, vs"
    return [
        Row(f"{what} Keras", f"{ours:.1f}", f"{found['keras']:.1f}", ours / found["keras"], "1.3"),
        Row(f"{what} a torch DataLoader", f"{ours:.1f}", f"{found['torch']:.1f}", ours / found["torch"], "3"),
        Row(f"{what} entropy decoding only", f"{ours:.1f}", f"{found['limit']:.1f}", ours / found["limit"], "limit"),
    ]


def memory() -> list[Row]:
    """Peak memory of training on ten times as many images."""
    script = str(HERE / "eyebright_memory.py")
    small, large = (_run(Contender([OWN, script, count], _peak)) for count in ("4000", "40000"))
    return [
        Row(
            "peak MB, 40,000 images and 4,000 (one run each)",
            f"{large:.0f}",
            f"{small:.0f}",
            large / small,
            "at most 1.1",
        )
    ]


def training(flowers: Path, rounds: int) -> list[Row]:
    """Training images per second with the notes' network at 180x180, batch 32."""
    limit = [OWN, str(PEERS / "conv_limit.py"), "--precision", _precision()]
    contenders = {"limit": Contender(limit, _rate)}
    for augment in ("none", "notes"):
        ours = [OWN, str(HERE / "eyebright_train.py"), str(flowers), "--augment", augment]
        contenders[f"eyebright {augment}"] = Contender(ours, _rate)
        keras = [PEER, str(PEERS / "keras_train.py"), str(flowers), "--augment", augment, "--epochs", "3"]
        for name, switch in (("", {}), (" oneDNN", {"TF_ENABLE_ONEDNN_OPTS": "1"})):
            contenders[f"keras{name} {augment}"] = Contender([*keras, "--steps-per-epoch", "8"], _later, switch)
        half = [*keras, "--precision", "mixed_bfloat16", "--steps-per-epoch", "8" if _has_bfloat16() else "2"]
        contenders[f"keras bfloat16 {augment}"] = Contender(half, _later)
    same = [OWN, str(HERE / "eyebright_train.py"), str(flowers), "--augment", "none", "--dropout", "0.2"]
    contenders["eyebright same"] = Contender(same, _rate)
    reports = _reports(contenders, rounds)
    found, cpu = _medians(contenders, reports), {name: _cpu_ms(reports[name]) for name in contenders if name != "limit"}
    rows = []
    for augment, label, aims in (("none", "", ("1.8", "1.15")), ("notes", ", augmented", ("2.2", "1.6"))):
        mine = f"eyebright {augment}"
        for name, aim in (("", aims[0]), (" bfloat16", aims[1]), (" oneDNN", "-")):
            theirs = f"keras{name} {augment}"
            title = f"training images per second{label}, vs Keras{name} (CPU ms per image)"
            cells = [f"{found[who]:.0f} ({cpu[who]:.1f})" for who in (mine, theirs)]
            rows.append(Row(title, cells[0], cells[1], found[mine] / found[theirs], aim))
    with_it, without = found["eyebright notes"], found["eyebright same"]
    what = "training images per second, augmented, vs the same network without"
    rows.append(Row(what, f"{with_it:.0f}", f"{without:.0f}", with_it / without, "0.87"))
    share = found["eyebright none"] / found["limit"]
    alone = f"{found['limit']:.0f}"
    rows.append(Row("vs convolutions and products only", f"{found['eyebright none']:.0f}", alone, share, "limit"))
    return rows


def networks(rounds: int) -> list[Row]:
    """Build a deep network, compared with writing it by hand, and the gain by rewrites."""
    own, hand = str(HERE / "eyebright_networks.py"), str(PEERS / "hand_written.py")
    build = {
        "eyebright": Contender([OWN, own, "build", "densenet201"], _seconds),
        "hand": Contender([OWN, hand, "build", "densenet201"], _seconds),
    }
    built = _alternate(build, rounds)
    title = "densenet201 to a torch module, seconds, vs one written by hand"
    ours, theirs = built["eyebright"], built["hand"]
    rows = [Row(title, f"{ours:.3f}", f"{theirs:.3f}", theirs / ours, "0.67")]
    for name, size, batch in (("flowers_cnn", "180", "32"), ("resnet18", "128", "32")):
        step = [OWN, own, "step", name, "--precision", _precision(), "--size", size, "--batch-size", batch]
        switches = {"ours": [], "as written": ["--as-written"], "with torch's pools only": ["--torch-pools"]}
        found = _alternate({what: Contender([*step, *switch], _rate) for what, switch in switches.items()}, rounds)
        for what in ("as written", "with torch's pools only"):
            title = f"a step of {name} at {size}, images per second, vs {what}"
            rows.append(Row(title, f"{found['ours']:.1f}", f"{found[what]:.1f}", found["ours"] / found[what], "1"))
    return rows


def applications(rounds: int) -> list[Row]:
    """Published networks vs modules written by hand and vs keras.applications; batches of 16 at 224x224."""
    own, hand = str(HERE / "eyebright_networks.py"), str(PEERS / "hand_written.py")
    rows = []
    for name, keras, aim in (("resnet50", "ResNet50", "1.5"), ("densenet121", "DenseNet121", "1.5"),
                             ("vgg16", "VGG16", "1")):  # fmt: skip
        step = ["step", name, "--precision", _precision()]
        contenders = {"eyebright": Contender([OWN, own, *step], _rate)}
        if name == "vgg16":
            limit = [OWN, str(PEERS / "conv_limit.py"), "--network", name, "--size", "224", "--batch-size", "16"]
            limit += ["--classes", "1000", "--repetitions", "3", "--precision", _precision()]
            contenders["its convolutions and products only"] = Contender(limit, _rate)
        else:
            contenders["modules by hand"] = Contender([OWN, hand, *step], _rate)
        for half in ("float32", "mixed_bfloat16") if _has_bfloat16() else ("float32",):
            theirs = [PEER, str(PEERS / "keras_applications.py"), keras, "--precision", half]
            contenders[f"Keras {half}"] = Contender(theirs, _rate, {"TF_ENABLE_ONEDNN_OPTS": "1"})
        found = _alternate(contenders, rounds)
        aims = {"modules by hand": "0.97", "its convolutions and products only": "limit"}
        for peer, rate in found.items():
            if peer != "eyebright":
                title = f"{name} in {_precision()}, training images per second, vs {peer}"
                rows.append(Row(title, f"{found['eyebright']:.1f}", f"{rate:.1f}", found["eyebright"] / rate,
                                aims.get(peer, aim)))  # fmt: skip
    return rows


def story(flowers: Path, seeds: tuple[str, ...] = ("1", "2", "3")) -> list[Row]:
    """Fifteen epochs with augmentation: the time to Keras's last accuracy, and the final accuracy.

    Keras runs with oneDNN, its faster variant, on exactly the split of the run; the time in which it sleeps between
    epochs is not counted. A contender that does not reach the accuracy counts as never.
    """
    ours_s, theirs_s, ours_last, theirs_last = [], [], [], []
    for seed in seeds:
        run = _work() / f"story{seed}"
        options = ["--network", "flowers_cnn", "--size", "180", "--epochs", "15", "--seed", seed, "--overwrite"]
        start = time.time()
        _run(Contender([OWN, "-m", "eyebright", "train", str(flowers), "-o", str(run), *options], _wall))
        events = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
        epochs = [event for event in events if event["event"] == "EpochEnded"]
        keras = [PEER, str(PEERS / "keras_train.py"), str(flowers), "--augment", "notes", "--epochs", "15"]
        split = ["--seed", seed, "--split-csv", str(run / "split.csv")]
        theirs = _report(Contender([*keras, *split], _wall, {"TF_ENABLE_ONEDNN_OPTS": "1"}))["epochs"]
        last = theirs[-1]["validation_accuracy"]
        reached = [epoch["time_s"] - start for epoch in epochs if epoch["validation_accuracy"] >= last]
        ours_s.append(reached[0] if reached else float("inf"))
        theirs_s.append(theirs[-1]["seconds_since_start"] - sum(epoch["waiting_wall_seconds"] for epoch in theirs))
        ours_last.append(epochs[-1]["validation_accuracy"])
        theirs_last.append(last)
        note = f"# seed {seed}: {ours_s[-1]:.0f} s to {last:.3f}, Keras {theirs_s[-1]:.0f} s; then {ours_last[-1]:.3f}"
        print(note, file=sys.stderr, flush=True)
    times = statistics.median(ours_s), statistics.median(theirs_s)
    means = statistics.mean(ours_last), statistics.mean(theirs_last)
    what = f"validation accuracy after 15 epochs, mean of {len(seeds)} seeds"
    return [
        Row(
            "seconds to the accuracy of Keras oneDNN", f"{times[0]:.0f}", f"{times[1]:.0f}", times[1] / times[0], "2.5"
        ),
        Row(what, f"{means[0]:.3f}", f"{means[1]:.3f}", means[0] / means[1], "1"),
    ]


def _alternate(contenders: dict[str, Contender], rounds: int) -> dict[str, float]:
    """The median figure of each contender."""
    return _medians(contenders, _reports(contenders, rounds))


def _reports(contenders: dict[str, Contender], rounds: int) -> dict[str, list[dict[str, Any]]]:
    """What each contender reports, round by round."""
    reports: dict[str, list[dict[str, Any]]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name, contender in contenders.items():
            reports[name].append(_report(contender))
            figure = contender.figure(reports[name][-1])
            print(f"# round {number + 1}/{rounds}  {name:24} {figure:10.3f}", file=sys.stderr, flush=True)
    return reports


def _medians(contenders: dict[str, Contender], reports: dict[str, list[dict[str, Any]]]) -> dict[str, float]:
    return {name: statistics.median(map(contenders[name].figure, reports[name])) for name in contenders}


def _run(contender: Contender) -> float:
    return contender.figure(_report(contender))


def _report(contender: Contender) -> dict[str, Any]:
    """Run a command; its last line as JSON where it is that, and its wall time."""
    environment = os.environ | {"EYEBRIGHT_CACHE": str(_work() / "cache")} | contender.environment
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # without compiled modules every start is slower
    start = time.perf_counter()
    finished = subprocess.run(contender.command, env=environment, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - start
    if finished.returncode:
        raise SystemExit(f"{' '.join(contender.command)} failed:\n{finished.stderr[-3000:]}")
    last = (finished.stdout.strip().splitlines() or [""])[-1]
    report: dict[str, Any] = json.loads(last) if last.startswith("{") else {}
    return report | {"process_wall": wall}


def _wall(report: dict[str, Any]) -> float:
    return float(report["process_wall"])


def _seconds(report: dict[str, Any]) -> float:
    return float(report["seconds"])


def _rate(report: dict[str, Any]) -> float:
    return float(report["pictures_per_second"])


def _later(report: dict[str, Any]) -> float:
    """The rate after the first epoch, which also builds the graph."""
    return statistics.median(float(epoch["pictures_per_second"]) for epoch in report["epochs"][1:])


def _precision() -> str:
    return "bfloat16" if _has_bfloat16() else "float32"


def _has_bfloat16() -> bool:
    """Whether the processor computes in bfloat16 itself; emulated, a step takes many times as long."""
    flags = Path("/proc/cpuinfo")
    return flags.exists() and any(name in flags.read_text().split() for name in ("avx512_bf16", "amx_bf16", "bf16"))


def _cpu_ms(reports: list[dict[str, Any]]) -> float:
    """CPU milliseconds for a picture, all threads together: the same figure however busy the machine is."""
    epochs = [epoch for report in reports for epoch in report.get("epochs", [])[1:]]
    seconds = [report["cpu_seconds_per_picture"] for report in reports if "epochs" not in report]
    seconds += [epoch["cpu_seconds"] / epoch["pictures"] for epoch in epochs]
    return 1000 * float(statistics.median(seconds))


def _peak(report: dict[str, Any]) -> float:
    return float(report["peak_mb"])


def _work() -> Path:
    folder = PEER_ENVIRONMENT / "work"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _make_peer_environment() -> None:
    requirements, installed = PEERS / "requirements.txt", PEER_ENVIRONMENT / ".installed"
    if installed.exists() and installed.stat().st_mtime > requirements.stat().st_mtime:
        return
    subprocess.run([OWN, "-m", "venv", str(PEER_ENVIRONMENT)], check=True)
    subprocess.run([PEER, "-m", "pip", "install", "--quiet", "-r", str(requirements)], check=True)
    installed.touch()


def _table(rows: list[Row], rounds: int) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions().items())
    lines = [
        f"{time.strftime('%Y-%m-%d')}, {machine.processor()}, {machine.cores()} cores; medians of {rounds} alternating "
        f"runs; {versions}; peers: {', '.join(PEERS.joinpath('requirements.txt').read_text().split()[-4:])}.",
        "",
        "| what | eyebright | peer | ratio | aim |",
        "|---|---|---|---|---|",
        *(f"| {row.what} | {row.ours} | {row.theirs} | {row.ratio:.2f} | {row.aim} |" for row in rows),
    ]
    return "\n".join(lines)


def _write(table: str) -> None:
    page = HERE / "README.md"
    text = page.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
