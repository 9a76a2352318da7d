"""Whether a batch fits into memory, told from the shapes of the network before anything is computed."""

import math

import msgspec

from eyebright.network import Network
from eyebright.training.events import BatchLowered
from eyebright.training.processes import Place
from eyebright.training.settings import Settings

_FLOAT = 4  # bytes of a number; bfloat16 takes less, but float32 is tried too
_COPIES = 7  # of the weights: themselves, gradients, two moments, their mean, the best, one that is written
_SHARE = 0.7  # of the free memory that is counted on; measured peaks are up to a fifth above what shapes tell


def picture_bytes(network: Network) -> int:
    """What a picture takes while it is learned: what every layer gives, and the gradients of the two largest."""
    sizes = sorted(math.prod(place.shape) for place in network.places.values())
    return _FLOAT * (sum(sizes) + sum(sizes[-2:]))


def weight_bytes(network: Network) -> int:
    """What the weights take with all that is kept for each of them."""
    return _FLOAT * _COPIES * network.parameter_count


def lowered(network: Network, settings: Settings, free_bytes: int, place: Place) -> BatchLowered | None:
    """The greatest batch that fits, of which a whole number makes the same step; None where the one asked for does.

    Args:
        network: As it is trained.
        settings: How large batch and steps are.
        free_bytes: What the machine has left, for all processes on it.
        place: Which of several processes this is.
    """
    each = picture_bytes(network)
    left = _SHARE * free_bytes / place.here - weight_bytes(network)
    most = max(int(left / each), 1) * place.of  # pictures of all processes together
    if settings.batch_size <= most or settings.batch_size % place.of:  # which is refused elsewhere
        return None
    event = _smaller(settings, most, place.of)
    needed = settings.batch_size // place.of * each + weight_bytes(network)
    return msgspec.structs.replace(event, needed_bytes=needed, free_bytes=free_bytes // place.here)


def halved(settings: Settings) -> BatchLowered:
    """Half the batch, or what is nearest below it and divides it."""
    return _smaller(settings, settings.batch_size // 2, 1)


def _smaller(settings: Settings, most: int, of: int) -> BatchLowered:
    """The greatest batch up to `most` pictures, a multiple of `of`, of which a whole number makes the same step."""
    size = max(size for size in range(of, most + 1, of) if settings.batch_size % size == 0)
    return BatchLowered(batch_size=size, accumulation=settings.accumulation * (settings.batch_size // size))
