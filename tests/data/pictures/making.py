"""TIFF files and colour profiles made byte by byte, independent of the libraries that read them."""

import struct

import numpy as np
from numpy.typing import NDArray


def tiff(pixels: NDArray[np.generic], **tags: int) -> bytes:
    """A TIFF 6.0 file of one grey image `(H, W)` or a colour one `(H, W, channels)`, not compressed.

    Args:
        pixels: Its dtype gives byte order, bits and kind of numbers.
        tags: More tags: `t254=1` sets NewSubfileType to 1.
    """
    return _tiff([(pixels, tags)])


def tiff_of_two(first: NDArray[np.generic], second: NDArray[np.generic], **tags: int) -> bytes:
    """A TIFF file of two images; the tags belong to the first."""
    return _tiff([(first, tags), (second, {})])


def _tiff(images: list[tuple[NDArray[np.generic], dict[str, int]]]) -> bytes:
    order = ">" if images[0][0].dtype.byteorder == ">" else "<"
    content = bytearray(b"MM\0*" if order == ">" else b"II*\0")
    content += struct.pack(f"{order}I", 0)
    link = 4
    for pixels, tags in images:
        data, channels = pixels.tobytes(), pixels.shape[2] if pixels.ndim == 3 else 1
        bits = 8 * pixels.dtype.itemsize
        start = len(content)
        content += data + struct.pack(f"{order}{channels}H", *[bits] * channels)
        entries = {
            256: pixels.shape[1], 257: pixels.shape[0], 258: bits, 259: 1, 262: 2 if channels > 1 else 1, 273: start,
            277: channels, 278: pixels.shape[0], 279: len(data), 339: {"u": 1, "i": 2, "f": 3}[pixels.dtype.kind],
        } | {int(name[1:]): value for name, value in tags.items()}  # fmt: skip
        content[link : link + 4] = struct.pack(f"{order}I", len(content))
        content += struct.pack(f"{order}H", len(entries))
        for tag, value in sorted(entries.items()):
            short = tag in (258, 259, 262, 277, 339)
            if tag == 258 and channels > 1:  # too many to stand in the entry
                content += struct.pack(f"{order}HHII", tag, 3, channels, start + len(data))
            elif short:
                content += struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0)
            else:
                content += struct.pack(f"{order}HHII", tag, 4, 1, value)
        link = len(content)
        content += struct.pack(f"{order}I", 0)
    return bytes(content)


SRGB = [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
"""Red, green and blue of sRGB in XYZ, adapted to D50 (one column each)."""
DISPLAY_P3 = [[0.51512, 0.29198, 0.1571], [0.2412, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]]
PROPHOTO = [[0.7976749, 0.1351917, 0.0313534], [0.2880402, 0.7118741, 0.0000857], [0.0, 0.0, 0.8252100]]
GAMMA = 563 / 256  # 2.2 as the profile stores it, in 8.8 bits


def rgb_profile(primaries: list[list[float]], gamma: float = GAMMA) -> bytes:
    """An ICC profile (version 2) of three primaries and a gamma."""
    columns = np.array(primaries).T
    colours = {f"{name}XYZ": b"XYZ \0\0\0\0" + _fixed(*column) for name, column in zip("rgb", columns, strict=True)}
    return _profile("mntr", "RGB ", "XYZ ", colours | {f"{name}TRC": _curve(gamma) for name in "rgb"})


def grey_profile(gamma: float) -> bytes:
    """An ICC profile of grey with a gamma."""
    return _profile("mntr", "GRAY", "XYZ ", {"kTRC": _curve(gamma)})


def cmyk_profile(cyan: tuple[int, int, int]) -> bytes:
    """An ICC profile of a press that prints this cyan (CIELAB in 8 bits) and black; the other inks leave no trace."""
    nodes = [(0, 128, 128) if black else cyan if c else (255, 128, 128)
             for c in (0, 1) for _ in (0, 1) for _ in (0, 1) for black in (0, 1)]  # fmt: skip
    identity = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table += identity * 4 + b"".join(map(bytes, nodes)) + identity * 3
    return _profile("prtr", "CMYK", "Lab ", {"A2B0": table, "A2B1": table})


def _fixed(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65_536) for value in values))


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))


def _profile(device: str, space: str, connection: str, tags: dict[str, bytes]) -> bytes:
    tags = {"wtpt": b"XYZ \0\0\0\0" + _fixed(0.9642, 1, 0.8249)} | tags
    start, table, body = 128 + 4 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        table += name.encode() + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(">I4xI", start + len(body), 0x02400000) + (device + space + connection).encode()
    header += bytes(12) + b"acsp" + bytes(28) + _fixed(0.9642, 1, 0.8249)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body
