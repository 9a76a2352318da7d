"""What is in shards at addresses, kept: to look through one takes fetching most of it, once is enough."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from eyebright.data.sources.ranged import Ranged, RemoteFile
from eyebright.data.sources.shard_index import Sample, scan_shard
from eyebright.system import cache, files

_FORMAT = 1


def samples_of(shard: Ranged, stamp: str, origin: Path | str) -> Iterator[Sample]:
    """As `scan_shard`; of a shard at an address from the cache, as long as its stamp is the same.

    Nothing is kept where the stamp is weak.

    Args:
        shard: The shard.
        stamp: Its stamp.
        origin: The path or address that was given, for `eyebright cache`.
    """
    if not isinstance(shard, RemoteFile) or is_weak(shard, stamp):
        yield from scan_shard(shard)
        return
    folder = files.cache_folder("shards", _key(origin))
    cache.describe(folder, str(origin))
    place = folder / f"{_key(shard.name, stamp)}.json"
    try:
        yield from msgspec.json.decode(place.read_bytes(), type=list[Sample])
    except (OSError, msgspec.DecodeError):
        yield from _kept(scan_shard(shard), place)


def is_weak(shard: Ranged, stamp: str) -> bool:
    """Whether a stamp does not change with its shard: a server may tell no more than a file's size."""
    return isinstance(shard, RemoteFile) and " " not in stamp


def _kept(samples: Iterable[Sample], place: Path) -> Iterator[Sample]:
    every = []
    for sample in samples:
        every.append(sample)
        yield sample
    try:
        content = msgspec.json.encode(every)
    except UnicodeEncodeError:  # a name that is not in UTF-8: looked through again the next time
        return
    files.write_file(place, content)


def _key(*parts: object) -> str:
    text = "\0".join(map(str, (_FORMAT, *parts)))
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()
