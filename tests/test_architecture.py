"""The plan of the house: imports only go down the column of rooms, and torch stays in folders called torch/."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import eyebright

SOURCE = Path(eyebright.__file__).parent
COLUMN = ["cli", "web", "tasks", "runs", "model", "report", "training", "trust", "data", "network", "system"]
"""The rooms, from the top down; DESIGN and ARCHITECTURE.md draw them."""
DETECTION = ["runs", "report", "model", "training", "trust", "data", "geometry"]
"""The rooms of tasks/detection, from the top down."""
FACE = {"__init__", "__main__"}  # the package itself: gives the public names, and the command
HEAVY = {
    "torch", "onnx", "sklearn", "matplotlib", "pyarrow", "pillow_heif", "jinja2", "pandas", "tensorboardX",
}  # fmt: skip
COMMAND = "import runpy; runpy.run_module('eyebright', run_name='__main__')"


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


FILES = {file.relative_to(SOURCE): imports(file) for file in sorted(SOURCE.rglob("*.py"))}


def test_the_package_holds_the_rooms_and_nothing_else():
    assert {file.parts[0].removesuffix(".py") for file in FILES} <= {*COLUMN, *FACE}


def test_imports_only_go_down_the_column():
    wrong = []
    for file, names in FILES.items():
        room = file.parts[0].removesuffix(".py")
        below = COLUMN if room in FACE else COLUMN[COLUMN.index(room) :]
        targets = {name.split(".")[1] for name in names if name.startswith("eyebright.")} - {"__version__"}
        wrong += [f"{file} imports {target}" for target in sorted(targets - set(below))]
    assert not wrong


def test_imports_in_detection_only_go_down_its_rooms():
    wrong = []
    for file, names in FILES.items():
        if file.parts[:2] == ("tasks", "detection") and len(file.parts) > 3:
            below = DETECTION[DETECTION.index(file.parts[2]) :]
            targets = {name.split(".")[3] for name in names if name.startswith("eyebright.tasks.detection.")}
            wrong += [f"{file} imports {target}" for target in sorted(targets - set(below))]
    assert not wrong


def test_torch_is_imported_only_below_a_folder_called_torch():
    users = [file for file, names in FILES.items() if any(name.split(".")[0] == "torch" for name in names)]
    assert not [str(file) for file in users if "torch" not in file.parts[:-1]]


TESTS = Path(__file__).parent
MODULES = {file.with_suffix("") for file in FILES if file.stem not in FACE}


def test_every_module_has_a_test_of_its_name():
    missing = [f"tests/{module.parent / f'test_{module.name}.py'}" for module in sorted(MODULES)
               if not (TESTS / module.parent / f"test_{module.name}.py").is_file()]  # fmt: skip
    assert not missing


def test_every_test_below_a_room_has_its_module():
    tests = (file.relative_to(TESTS) for room in COLUMN for file in (TESTS / room).rglob("test_*.py"))
    assert not [str(test) for test in tests if test.parent / test.stem.removeprefix("test_") not in MODULES]


def test_the_drawing_in_the_architecture_names_all_that_is_directly_in_a_room():
    drawing = (TESTS.parent / "ARCHITECTURE.md").read_text().split("```")[1]
    drawn = {room[0]: set(re.findall(r"\w+", room[1])) for room in re.findall(r"\n  (\w+)/(.*(?:\n    .*)*)", drawing)}
    assert list(drawn) == COLUMN
    inside = {room: {file.parts[1].removesuffix(".py") for file in MODULES if file.parts[0] == room} for room in COLUMN}
    missing = [f"{room}/{name}" for room in COLUMN[1:] for name in sorted(inside[room] - drawn[room])]
    assert not missing  # of cli it says that each command has a file


def loaded_by(code: str, *arguments: object) -> set[str]:
    """Top-level modules that Python has loaded when it has run the code."""
    report = (
        "import atexit, json, sys\n"
        "found = lambda: sorted({name.split('.')[0] for name, module in sys.modules.items() if module})\n"
        "atexit.register(lambda: print('\\n' + json.dumps(found())))\n"
    )
    run = subprocess.run([sys.executable, "-c", report + code, *map(str, arguments)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import eyebright.model.predictor, eyebright.cli.predict",
        "import eyebright.model.classifier, eyebright.runs.train",
    ],
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
    assert second.isdisjoint({"openvino_telemetry", "filelock"})
