"""Batches that fit into memory: estimated from the shapes of the network, or halved where a GPU refuses one."""

import math

import msgspec

from eyebright.network import Network
from eyebright.training.events.fitting import BatchLowered
from eyebright.training.processes import ProcessPlace
from eyebright.training.settings import Settings

_FLOAT = 4  # bytes of a number; bfloat16 takes less, but float32 is tried too
_COPIES = 7  # of the weights: themselves, gradients, two moments, their average, the best, one that is written
_FEWEST = 2  # images in a batch: a batch norm may need two
_SHARE = 0.7  # of the free memory that is used; measured peaks are up to a fifth above the estimate


def picture_bytes(network: Network) -> int:
    """Memory for one training image: the outputs of all layers, and the gradients of the two largest."""
    sizes = sorted(math.prod(place.shape) for place in network.places.values())
    return _FLOAT * (sum(sizes) + sum(sizes[-2:]))


def weight_bytes(network: Network) -> int:
    """Memory for the weights, with everything that is kept for each of them."""
    return _FLOAT * _COPIES * network.parameter_count


def lowered(network: Network, settings: Settings, free_bytes: int, place: ProcessPlace) -> BatchLowered | None:
    """The largest batch that fits into memory, estimated from the network's shapes; the steps stay as large as before.

    Args:
        network: The network as it is trained.
        settings: Sizes of batch and step.
        free_bytes: Free memory, for all processes on this machine.
        place: The place of this process.

    Returns:
        None if the batch of the settings fits.
    """
    each = picture_bytes(network)
    left = _SHARE * free_bytes / place.local_size - weight_bytes(network)
    most = max(int(left / each), _FEWEST) * place.size  # images of all processes together
    if settings.batch_size <= most or settings.batch_size % place.size:  # an uneven batch is refused elsewhere
        return None
    event = _smaller(settings, most, place.size)
    needed = settings.batch_size // place.size * each + weight_bytes(network)
    return msgspec.structs.replace(event, needed_bytes=needed, free_bytes=free_bytes // place.local_size)


def halved(settings: Settings) -> BatchLowered:
    """Half the batch, or the next smaller one that divides it."""
    return _smaller(settings, settings.batch_size // 2, 1)


def _smaller(settings: Settings, most: int, multiple: int) -> BatchLowered:
    """The largest batch of at most `most` images that divides the old one and is a multiple of `multiple`."""
    size = max(size for size in range(multiple, most + 1, multiple) if settings.batch_size % size == 0)
    return BatchLowered(batch_size=size, accumulation=settings.accumulation * (settings.batch_size // size))
