"""A step as a CUDA graph: hundreds of launches are recorded once and then made with a single one.

Small networks wait for launches more than for the GPU. A graph repeats the same kernels on the same memory, so its
result has the same bits as that of the step without it.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

Work: TypeAlias = Callable[[Tensor, Tensor], Tensor]

_WARM_UP = 3  # steps before the one that is recorded: libraries choose and set up what they need


class StepGraph:
    """Makes steps, by a graph as soon as one is recorded; batches of other sizes are computed without it."""

    def __init__(self) -> None:
        self._graph: torch.cuda.CUDAGraph | None = None
        self._sizes: tuple[Any, ...] = ()
        self._left = _WARM_UP

    def __call__(self, work: Work, pictures: Tensor, labels: Tensor) -> Tensor:
        """Make a step.

        Args:
            work: The step, always the same: from a batch and its labels to figures. It must not wait for the GPU.
            pictures: The batch.
            labels: Its labels.

        Returns:
            The figures of the step; they are overwritten by the next one.
        """
        sizes = (pictures.shape, labels.shape)
        if self._graph is None and sizes != self._sizes:
            self._sizes, self._left = sizes, _WARM_UP
        if self._graph is None and self._left == 0:
            self._record(work, pictures, labels)
        self._left -= 1
        if self._graph is None or sizes != self._sizes:
            return work(pictures, labels)
        self._pictures.copy_(pictures)
        self._labels.copy_(labels)
        self._graph.replay()
        return self._figures

    def _record(self, work: Work, pictures: Tensor, labels: Tensor) -> None:
        """Record a step without making it, if there is memory for a second set of everything that is computed."""
        device = pictures.device
        if torch.cuda.max_memory_allocated(device) > torch.cuda.mem_get_info(device)[0]:
            return
        self._pictures, self._labels = pictures.clone(), labels.clone()
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize(device)
        try:
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # images are uploaded by another thread
                self._figures = work(self._pictures, self._labels)
        except RuntimeError:  # a layer that waits for the GPU, or too little memory: the steps are made without a graph
            torch.cuda.synchronize(device)
            random = torch.cuda.default_generators[device.index]
            random.graphsafe_set_state(torch.Generator(device))  # the old state still takes itself for recorded
        else:
            self._graph = graph
