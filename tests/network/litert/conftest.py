"""LiteRT models are read by the code that the package ai-edge-litert generates from the schema, and run by it."""

from collections.abc import Callable

import pytest

try:
    from ai_edge_litert import schema_py_generated as schema
except ImportError:
    schema = None
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def read() -> Callable[[bytes], "schema.ModelT"]:
    """The tables of a model."""
    return lambda content: schema.ModelT.InitFromObj(schema.Model.GetRootAs(content))


@pytest.fixture(scope="session")
def operators(read) -> Callable[[bytes], list[str]]:
    """The names of a model's operators, in order."""
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}

    def operators(content: bytes) -> list[str]:
        model = read(content)
        kinds = [names[code.builtinCode] for code in model.operatorCodes]
        return [kinds[operator.opcodeIndex] for operator in model.subgraphs[0].operators]

    return operators
