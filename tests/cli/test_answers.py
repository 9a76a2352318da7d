"""The lines that predict prints for programs."""

import csv
import io
import json

from eyebright.cli.answers import print_csv, print_json
from eyebright.trust.prediction import Unreadable


def test_names_that_are_not_text_stay_what_they_are_in_csv_and_are_escaped_in_json(capsysbinary):
    name = b"ros\xe9, red.jpg".decode("utf-8", "surrogateescape")
    print_csv(name, "=1+1")
    print_json(Unreadable(name=name, error="damaged"))
    first, second = capsysbinary.readouterr().out.splitlines()
    (cells,) = csv.reader(io.StringIO(first.decode("utf-8", "surrogateescape")))
    assert cells == [name, "'=1+1"]
    assert json.loads(second)["name"] == r"ros\udce9, red.jpg"
