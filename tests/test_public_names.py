import ast
import importlib
import inspect
import subprocess
import sys

import pytest

import eyebright

TREE = ast.parse(inspect.getsource(eyebright))
CHECKED = {  # public names, and the modules that type checkers take them from
    alias.name: statement.module
    for block in TREE.body
    if isinstance(block, ast.If)
    for statement in block.body
    for alias in statement.names
}


def test_public_names_are_those_that_type_checkers_see():
    functions = {node.name for node in TREE.body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"}
    assert sorted(eyebright.__all__) == sorted(CHECKED.keys() | functions)


@pytest.mark.parametrize("name", eyebright.__all__)
def test_every_public_name_can_be_imported_and_is_documented(name):
    assert inspect.getdoc(getattr(eyebright, name))


@pytest.mark.parametrize("name", sorted(CHECKED))
def test_type_checkers_see_the_objects_that_python_gives(name):
    assert getattr(eyebright, name) is getattr(importlib.import_module(CHECKED[name]), name)


def test_the_list_of_names_is_complete():
    assert dir(eyebright) == sorted([*eyebright.__all__, "__version__"])


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'eyebright' has no attribute 'Clasifier'"):
        _ = eyebright.Clasifier


def test_a_star_import_brings_every_name_and_no_torch():
    code = (
        "from eyebright import *; import eyebright, sys\n"
        "print(set(eyebright.__all__) <= set(dir()), 'torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "True False\n"


FACES = ["network", "network.layers", "network.zoo", "network.onnx", "network.torch", "data.pictures"]


@pytest.mark.parametrize("room", FACES)
def test_the_names_of_a_face_are_there_once_each(room):
    module = importlib.import_module(f"eyebright.{room}")
    assert all(hasattr(module, name) for name in module.__all__)
    assert len(set(module.__all__)) == len(module.__all__)
