"""What goes to a GPU and comes back, so that neither waits for the other.

Images are uploaded while the network computes, from pinned memory on a stream of their own, and stay on the GPU where
they fit. Figures are read some steps later. On a processor all of this is only a name for the values themselves.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eyebright.data.pack import Pack
from eyebright.data.threads import ahead

T = TypeVar("T")

_KEPT_SHARE = 0.25  # of the free memory of a GPU, for images that stay there


def uploaded(values: NDArray[Any], device: torch.device) -> Tensor:
    """Values on a device; nothing waits for their arrival."""
    tensor = torch.from_numpy(values)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


class Coming:
    """A tensor on its way from a GPU to the processor.

    Args:
        values: The tensor; it may be overwritten afterwards.
    """

    def __init__(self, values: Tensor) -> None:
        self._values = values.detach().to("cpu", non_blocking=values.is_cuda)  # into pinned memory
        self._arrival = torch.cuda.current_stream(values.device).record_event() if values.is_cuda else None

    @property
    def values(self) -> Tensor:
        """The values on the processor, once they are there."""
        if self._arrival is not None:
            self._arrival.synchronize()
        return self._values


def late(items: Iterable[T], count: int = 2) -> Iterator[T]:
    """The items in their order, each only when `count` later ones are made, so that none is waited for."""
    made: deque[T] = deque()
    for item in items:
        made.append(item)
        if len(made) > count:
            yield made.popleft()
    yield from made


class Uploads:
    """The images of a pack on a GPU.

    Args:
        pack: The prepared images.
        indices: The images that will be needed.
        device: The GPU.
    """

    def __init__(self, pack: Pack, indices: NDArray[np.int64], device: torch.device) -> None:
        self._pack, self._device = pack, device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._lock = Lock()  # training and validation images may be read at the same time
        self._places = np.full(len(pack.rows), -1)
        self._there = np.zeros(len(pack.rows), bool)
        self._kept: Tensor | None = None
        needed = np.unique(indices)
        if len(needed) * pack.preparation.size_bytes <= _KEPT_SHARE * torch.cuda.mem_get_info(device)[0]:
            self._places[needed] = np.arange(len(needed))
            self._kept = torch.empty((len(needed), *pack.preparation.shape), dtype=torch.uint8, device=device)
            self._stream.wait_stream(torch.cuda.current_stream(device))  # their memory may still be in use

    def batches(self, parts: Sequence[NDArray[np.int64]]) -> Iterator[Tensor]:
        """The images of each part, uint8 `(n, height, width, 3)`, uploaded ahead of their use."""
        for pictures, arrival in ahead(map(self._read, parts)):
            stream = torch.cuda.current_stream(self._device)
            stream.wait_event(arrival)
            pictures.record_stream(stream)
            yield pictures

    def release(self) -> bool:
        """Give back the memory of the images that stay; False if there are none."""
        with self._lock:
            self._stream.synchronize()
            kept, self._kept = self._kept, None
            self._there[:] = False
        return kept is not None

    def _read(self, part: NDArray[np.int64]) -> tuple[Tensor, torch.cuda.Event]:
        """The images of a part, and the event of their arrival."""
        with self._lock, torch.cuda.stream(self._stream):
            places = uploaded(self._places[part], self._device)
            if self._kept is not None and self._there[part].all():
                pictures = self._kept[places]
            else:
                pictures = uploaded(self._pack.read(part), self._device)
                if self._kept is not None:
                    self._kept[places] = pictures
                    self._there[part] = True
            return pictures, self._stream.record_event()
