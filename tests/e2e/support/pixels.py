# SPDX-License-Identifier: Apache-2.0
"""The v0 pixel types and their frame sizes, written from wire.md alone.

Kept apart from the library's own table on purpose: the suite compares the two by the bytes that arrive.
"""

TYPES = {"rgba": 0, "abgr": 1, "argb": 2, "bgra": 3, "rgb24": 4, "i420": 5, "i420a": 6, "i422": 7, "i444": 8, "i010": 9, "nv12": 10}


def frame_bytes(name: str, width: int, height: int) -> int:
    """Bytes of one tightly packed frame; odd sizes round chroma up."""
    luma = width * height
    half_width, half_height = (width + 1) // 2, (height + 1) // 2
    chroma_420 = 2 * half_width * half_height
    if name in ("rgba", "abgr", "argb", "bgra"):
        return 4 * luma
    return {
        "rgb24": 3 * luma,
        "i420": luma + chroma_420,
        "i420a": 2 * luma + chroma_420,
        "i422": luma + 2 * half_width * height,
        "i444": 3 * luma,
        "i010": 2 * (luma + chroma_420),
        "nv12": luma + chroma_420,
    }[name]


def name_of(number: int) -> str:
    """The name of a v0 type number."""
    return next(name for name, value in TYPES.items() if value == number)
