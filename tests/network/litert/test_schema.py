"""The numbers of the schema, against the code that ai-edge-litert generates from it."""

import inspect
import re

import pytest
from ai_edge_litert import schema_py_generated as schema

from eyebright.network.litert.schema import ACTIVATIONS, IDENTIFIER, OPERATORS, SAME, TYPES, VALID

FIELDS = r"builder\.Prepend(\w+)Slot\((\d+), (\w+)"


def generated_fields(table: str) -> list[tuple[str, str]]:
    """Name and type of each field of a table, in order."""
    adders = [
        (function, inspect.getsource(function))
        for name, function in vars(schema).items()
        if name.startswith(f"{table}Add")
    ]
    found = {
        int(slot): (re.sub(r"(?<=[a-zW])(?=[A-Z])|(?<=nH)(?=F)", "_", argument).lower(), kind.lower())
        for _, source in adders
        for kind, slot, argument in re.findall(FIELDS, source)
    }
    return [found[slot] for slot in sorted(found)]


@pytest.mark.parametrize("kind", OPERATORS)
def test_operators_and_their_options(kind):
    code, options = OPERATORS[kind]
    assert code == getattr(schema.BuiltinOperator, kind)
    if options.union:
        (table,) = [name for name, number in vars(schema.BuiltinOptions).items() if number == options.union]
        written = [(name, dtype.__name__.rstrip("_")) for name, dtype in options.fields.items()]
        assert written == generated_fields(table)[: len(written)]
        shared = {"Pool2DOptions": "AVERAGE_POOL_2D MAX_POOL_2D", "ReducerOptions": "MEAN REDUCE_MAX SUM",
                  "MaximumMinimumOptions": "MAXIMUM MINIMUM"}  # fmt: skip
        assert kind in shared.get(table, "") or table.removesuffix("Options").lower() == kind.replace("_", "").lower()


def test_types_activations_and_padding():
    assert {name: getattr(schema.TensorType, name.upper()) for name in TYPES} == TYPES
    assert {name: getattr(schema.ActivationFunctionType, name) for name in ACTIVATIONS} == ACTIVATIONS
    assert (schema.Padding.SAME, schema.Padding.VALID, IDENTIFIER) == (SAME, VALID, "TFL3")
