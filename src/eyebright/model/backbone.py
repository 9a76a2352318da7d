"""Backbone: a published network without its head, which computes features of images.

Its ONNX graph is written into the cache once. Afterwards neither torch nor onnx nor the package with the weights is
needed.
"""

import hashlib
from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal, TypeAlias

from numpy.typing import NDArray

from eyebright.data.pictures import Preparation
from eyebright.data.pictures.preparation import Fit
from eyebright.model.engine import Engine, fastest_precision, onnx_graph
from eyebright.network import GlobalAvgPool2d, Network, Weights
from eyebright.network.rewrites import with_means
from eyebright.network.zoo import named_network, published_digest, published_weights
from eyebright.system import cache, files
from eyebright.system.errors import NetworkError
from eyebright.system.records import Record
from eyebright.training import trainer
from eyebright.training.settings import ChosenPrecision, Precision

Compute: TypeAlias = Callable[[NDArray[Any]], NDArray[Any]]
"""From images `(N, height, width, 3)`, uint8, to their features `(N, features)`, float32."""

_FORMAT = 2  # increase it when the graph of the same network, or how it is kept, changes


class Backbone(Record, frozen=True, kw_only=True, dict=True):
    """The network that computes features, and the size of its images.

    Args:
        name: A network of the zoo with published weights and a global average pool before its head.
        size_px: Width and height of the images in pixels; 0 for the published size of the network.
        fit: How images are resized to this size; see `Preparation`.
        precision: "auto" is bfloat16 if the processor supports it, otherwise float32.
        device: "cuda" computes on an NVIDIA GPU, in float32.
        middle: Names of layers whose maps' means are features too, after those of the last layer.
    """

    name: str = "efficientnet_lite0"
    size_px: int = 0
    fit: Fit = "crop"
    precision: Precision = "auto"
    device: Literal["cpu", "cuda"] = "cpu"
    middle: tuple[str, ...] = ()

    @cached_property
    def preparation(self) -> Preparation:
        """Size and resizing of the images."""
        size = self.size_px or named_network(self.name).input_size
        return Preparation(width=size, height=size, fit=self.fit)

    @cached_property
    def chosen(self) -> ChosenPrecision:
        """The precision that is used on this machine."""
        if self.device == "cuda":
            return "float32"
        return fastest_precision() if self.precision == "auto" else self.precision

    @property
    def computed(self) -> str:
        """How features are computed: those of a GPU differ in their last digits."""
        return f"{self.chosen} on a GPU" if self.device == "cuda" else self.chosen

    @cached_property
    def last(self) -> Network:
        """The network up to its last global average pool.

        Raises:
            NetworkError: When there is no network of this name, or it has no global average pool.
        """
        whole = named_network(self.name).build(named_network(self.name).num_classes, input_size=self.preparation.width)
        pools = [name for name, place in whole.places.items() if isinstance(place.layer, GlobalAvgPool2d)]
        if not pools:
            raise NetworkError(
                f"{self.name} has no global average pool, whose output would be the features: choose another network"
            )
        return whole.up_to(pools[-1])

    @cached_property
    def network(self) -> Network:
        """What computes the features: the means of the last maps, then of those in the middle; raises as `last`."""
        return with_means(self.last, self.last.output, self.middle) if self.middle else self.last

    def with_head(self, num_classes: int, features: int) -> Network:
        """The whole network with a head for so many classes, which reads so many of the features: the last, or all."""
        whole = named_network(self.name).build(num_classes, input_size=self.preparation.width)
        if features == self.last.output_shape[0]:
            return whole
        return with_means(whole, self.last.output, self.middle)

    @cached_property
    def digest(self) -> str:
        """Digest of the network and its weights, 24 hexadecimal digits; computed without reading the weights."""
        text = f"{_FORMAT}\0{published_digest(self.name)}\0{self.network.to_json()}"
        return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()

    def graph(self) -> bytes:
        """The ONNX graph, written into the cache if it is not there; raises as `engine`."""
        place = files.cache_folder("weights") / f"{self.name}-{self.preparation.width}-{self.digest}.graph"
        cache.mark_used(place)
        graph = cache.kept(place)
        if graph is None:
            graph = self._graph()
            cache.keep(place, graph)
        return graph

    def engine(self) -> Compute:
        """The network, ready to compute.

        Raises:
            DownloadError: When the weights are not available; the message says what to install.
            MissingExtraError: When torch is not installed, which is needed to read the weights the first time.
        """
        if self.device == "cuda":
            compute: Compute = trainer().TorchEngine(self.network, self._weights(), "cuda").outputs
            return compute
        return Engine.of_bytes(self.graph(), precision=self.chosen)

    def _graph(self) -> bytes:
        return onnx_graph(self.network, self._weights())

    def _weights(self) -> Weights:
        weights = published_weights(self.name)
        return {name: weights[name] for name in self.network.tensors}
