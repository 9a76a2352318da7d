"""JPEG files with a hole: zeros in the middle, as a broken download or a damaged disk leaves them.

The decoder takes them for image data and returns grey or coloured blocks without an error. In flat areas zeros can be
meant, if the code of only zeros says "nothing more in this block" in all tables. Where one of the tables gives that
code another meaning, hundreds of zero bytes are no image. Source: ITU-T T.81, sections B.2.4.2 and F.2.2.
"""

_RUN = bytes(256)
_START_OF_FRAME, _TABLES, _START_OF_SCAN, _END = (0xC0, 0xC1), 0xC4, 0xDA, b"\xff\xd9"
_END_OF_BLOCK = 0x00


def has_hole(content: bytes) -> bool:
    """Whether a baseline JPEG has zeros in the middle that cannot be image data; False where it cannot be known."""
    if _RUN not in content:
        return False
    scan, zeros_are_flat = _scan_of(content)
    return bool(scan) and not zeros_are_flat and 0 <= content.find(_RUN, scan) < content.find(_END, scan)


def _scan_of(content: bytes) -> tuple[int, bool]:
    """Where the first scan starts, 0 if not found or not baseline; and whether a code of zeros ends a block."""
    at, is_baseline, first_symbols = 2, False, set[int]()
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker, size = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        body = content[at + 4 : at + 2 + size]
        is_baseline |= marker in _START_OF_FRAME
        if marker == _TABLES:
            first_symbols |= _first_ac_symbols(body)
        if marker == _START_OF_SCAN:
            return (at if is_baseline and first_symbols else 0), first_symbols == {_END_OF_BLOCK}
        at += 2 + size
    return 0, True


def _first_ac_symbols(tables: bytes) -> set[int]:
    """The meaning of the code of only zeros in each Huffman table of AC coefficients."""
    found: set[int] = set()
    while len(tables) > 17:
        count = sum(tables[1:17])
        if tables[0] >> 4 and count:
            found.add(tables[17])
        tables = tables[17 + count :]
    return found
