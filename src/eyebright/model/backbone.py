"""A published network without its head: what turns prepared pictures into features.

Its ONNX graph is written into the cache once; the second start needs neither the package that holds the weights nor
torch nor onnx.
"""

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Literal, TypeAlias

from eyebright.data.pictures import Preparation
from eyebright.data.pictures.preparation import Fit
from eyebright.model.engine import Engine, Precision, fastest_precision
from eyebright.network import GlobalAvgPool2d, Network
from eyebright.network.zoo import named_network, published_digest, published_weights
from eyebright.system import cache, files
from eyebright.system.errors import NetworkError
from eyebright.system.records import Record

Wanted: TypeAlias = Literal["auto", "float32", "bfloat16"]
_FORMAT = 1  # to be raised when the graph of the same network comes out differently


class Backbone(Record, frozen=True, kw_only=True, dict=True):
    """Which network makes the features, and of what.

    Args:
        name: A network of the zoo with published weights and a global average pool before its head.
        size_px: Pixels a side at which it sees the pictures; the network's own if 0.
        fit: How pictures are brought to this size; see `Preparation`.
        precision: "auto" is bfloat16 where the processor computes in it.
    """

    name: str = "efficientnet_lite0"
    size_px: int = 0
    fit: Fit = "crop"
    precision: Wanted = "auto"

    @cached_property
    def preparation(self) -> Preparation:
        """Size and fit of the pictures."""
        size = self.size_px or named_network(self.name).input_size
        return Preparation(width=size, height=size, fit=self.fit)

    @cached_property
    def chosen(self) -> Precision:
        """The precision in which it runs on this machine."""
        return fastest_precision() if self.precision == "auto" else self.precision

    @cached_property
    def network(self) -> Network:
        """The network up to its global pool.

        Raises:
            NetworkError: When there is no such network, or it has no such pool.
        """
        whole = named_network(self.name).build(named_network(self.name).num_classes, input_size=self.preparation.width)
        pools = [name for name, place in whole.places.items() if isinstance(place.layer, GlobalAvgPool2d)]
        if not pools:
            raise NetworkError(f"{self.name} has no global average pool to take features from: choose another network")
        return whole.up_to(pools[-1])

    @cached_property
    def digest(self) -> str:
        """Stands for network and weights, 24 hexadecimal digits; had without reading the weights."""
        text = f"{_FORMAT}\0{published_digest(self.name)}\0{self.network.to_json()}"
        return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()

    def graph(self) -> Path:
        """The network as an ONNX file in the cache, written the first time; errors as of `engine`."""
        graph = files.cache_folder("weights") / f"{self.name}-{self.preparation.width}-{self.digest}.onnx"
        if not graph.exists():
            files.write_file(graph, self._graph())
        return graph

    def engine(self) -> Engine:
        """The compiled network: `(N, height, width, 3)` uint8 to `(N, features)` float32.

        Raises:
            DownloadError: When the weights cannot be had; the message says what to install.
            MissingExtraError: When torch is not installed, which must read them the first time.
        """
        graph = self.graph()
        cache.mark_used(graph)
        return Engine.of_bytes(graph.read_bytes(), precision=self.chosen)

    def _graph(self) -> bytes:
        weights = published_weights(self.name)
        from eyebright.network.onnx import to_onnx

        written = to_onnx(self.network, {name: weights[name] for name in self.network.tensors})
        return bytes(written.SerializeToString())
