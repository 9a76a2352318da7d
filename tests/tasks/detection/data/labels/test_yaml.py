"""The part of YAML that data.yaml needs, as PyYAML reads it."""

import pytest

from eyebright.tasks.detection.data.labels.yaml import read_yaml

NAMES = ["red cell", "white, or not", "it's", "4"]


@pytest.mark.parametrize(
    "text",
    [
        """names: [red cell, "white, or not", 'it''s', 4]""",
        """names: ["red cell", "white, or not",\n  "it's", '4']  # of cells""",
        """names:\n- red cell # one\n- "white, or not"\n- it's\n- 4\n""",
        """names:\n  - red cell\n  - 'white, or not'\n  - it's\n\n  - 4\nnc: 4""",
    ],
)
def test_lists(text):
    assert read_yaml(text)["names"] == NAMES


@pytest.mark.parametrize(
    "text",
    [
        "names:\n  0: red cell\n  2: 'it''s'\n",
        "names: {0: red cell, 2: it's}",
        "\ufeffnames:\r\n  0: red cell\r\n  2: it's",
    ],
)
def test_mappings(text):
    assert read_yaml(text)["names"] == {"0": "red cell", "2": "it's"}


def test_texts_comments_and_keys_that_are_not_understood():
    text = "# of a tool\ntrain: ../train\npath: C:/data#1  # here\nroboflow:\n  license: MIT\n  project: a\nempty:\n"
    assert read_yaml(text) == {
        "train": "../train",
        "path": "C:/data#1",
        "roboflow": {"license": "MIT", "project": "a"},
        "empty": "",
    }
    assert read_yaml('!!python/object/apply:os.system ["echo"]') == {}
