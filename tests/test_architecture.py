"""Who may import whom: the rooms of the house, from the ground up, as DESIGN.md draws them."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import eyebright

SOURCE = Path(eyebright.__file__).parent
STOREYS = [  # a room imports from below; rooms of one storey do not import each other
    {"errors"},
    {"codec", "machine"},
    {"files", "downloads"},
    {"cache"},
    {"pictures", "network"},
    {"datasets", "zoo"},
    {"model"},
    {"inference"},
    {"evaluation"},
    {"modules", "audit"},
    {"training"},
    {"report", "assessment", "run_folder"},
    {"auditing", "returning", "starting", "successor", "weighted"},
    {"deployable", "preparing"},
    {"choosing"},
    {"classifier", "plain_model", "previewing"},
    {"course"},
    {"runs", "rate_finding", "resuming", "inspection"},
    {"attempt"},
    {"healing"},
    {"cli"},
    {"__main__"},
]
HEIGHT = {room: height for height, rooms in enumerate(STOREYS) for room in rooms}
FACE = "__init__"  # the package itself: names the public names, may be asked for its version by all
TORCH_ROOMS = {"modules", "training"}
HEAVY = {"torch", "onnx", "sklearn", "matplotlib", "pyarrow", "pillow_heif", "cleanlab", "pandas", "tensorboardX"}
COMMAND = "import runpy; runpy.run_module('eyebright', run_name='__main__')"


def room_of(file: Path) -> str:
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(file: Path) -> set[str]:
    """Every module that a file imports, wherever in it; of `from a import b` both a and a.b."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: imports are absolute"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


FILES = {file: imports(file) for file in sorted(SOURCE.rglob("*.py"))}


def loaded_by(code: str, *arguments: object) -> set[str]:
    """Top-level modules that Python has loaded when it has run the code."""
    report = (
        "import atexit, json, sys\n"
        "atexit.register(lambda: print('\\n' + json.dumps(sorted({name.split('.')[0] for name in sys.modules}))))\n"
    )
    run = subprocess.run([sys.executable, "-c", report + code, *map(str, arguments)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout.splitlines()[-1]))


def test_every_room_has_its_storey():
    assert {room_of(file) for file in FILES} - {FACE} == HEIGHT.keys()


def test_imports_only_go_downwards():
    wrong = []
    for file, names in FILES.items():
        room = room_of(file)
        below = {other for other in HEIGHT if room == FACE or other == room or HEIGHT[other] < HEIGHT.get(room, 0)}
        targets = {name.split(".")[1] for name in names if name.startswith("eyebright.")} - {"__version__"}
        wrong += [f"{file.relative_to(SOURCE)} imports {target}" for target in sorted(targets - below)]
    assert not wrong


def test_torch_stays_in_its_rooms():
    users = {room_of(file) for file, names in FILES.items() if any(name.split(".")[0] == "torch" for name in names)}
    assert users == TORCH_ROOMS


def test_only_modules_and_training_import_what_needs_torch():
    torch_files = (
        f"eyebright.training.{file.stem}."
        for file, names in FILES.items()
        if room_of(file) == "training" and any(name.split(".")[0] == "torch" for name in names)
    )
    needing = ("eyebright.modules.", *torch_files)
    users = {room_of(file) for file, names in FILES.items() for name in names if f"{name}.".startswith(needing)}
    assert users <= TORCH_ROOMS


@pytest.mark.parametrize(
    "code",
    ["import eyebright.inference, eyebright.cli.predict", "import eyebright.classifier, eyebright.runs"],
)
def test_importing_loads_nothing_heavy(code):
    assert loaded_by(code).isdisjoint(HEAVY)


def test_importing_the_package_loads_nothing_but_itself_and_python():
    assert loaded_by("import eyebright") - {"eyebright"} <= sys.stdlib_module_names | {"__main__"} | loaded_by("pass")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["predict", "--help"], ["train", "--help"]])
def test_asking_the_command_for_help_loads_nothing_heavy(arguments):
    assert loaded_by(COMMAND, *arguments).isdisjoint(HEAVY | {"openvino", "numpy", "PIL"})


def test_predicting_loads_onnx_once_to_check_the_graph_and_never_torch(tmp_path):
    classifier = eyebright.Classifier(eyebright.zoo.mlp(2, input_size=4), classes=["a", "b"])
    classifier.save(tmp_path / "model")
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    first, second = (loaded_by(COMMAND, "predict", tmp_path / "model", tmp_path / "a.png") for _ in range(2))
    assert HEAVY & first == {"onnx"} and not HEAVY & second
