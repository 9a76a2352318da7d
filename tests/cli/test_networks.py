import json

from eyebright.network import zoo


def test_all_networks_are_listed_with_their_papers_in_80_columns(eyebright) -> None:
    finished = eyebright("networks")
    assert finished.code == 0
    lines = finished.out.splitlines()
    assert all(any(line.startswith(name) for line in lines) for name in zoo.NETWORKS)
    assert "Network In Network" in finished.out
    assert max(map(len, lines)) <= 80


def test_json_holds_every_network_with_exact_figures(eyebright) -> None:
    rows = {row["name"]: row for row in json.loads(eyebright("networks", "--json").out)}
    assert rows.keys() == zoo.NETWORKS.keys()
    assert rows["resnet18"]["parameters"] == 11_689_512
    assert rows["vgg16"]["paper"].startswith("Simonyan and Zisserman")
    assert rows["resnet18"]["published_weights"] and not rows["mlp"]["published_weights"]
