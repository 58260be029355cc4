# SPDX-License-Identifier: Apache-2.0
"""YUV4MPEG2 files of 8-bit 4:2:0 video: writes small ones to send, reads back what a receiver has saved."""

import pathlib
import random

from . import pixels

HEADER = "YUV4MPEG2 W{width} H{height} F30:1 Ip A1:1 C420jpeg\n"
FRAME = b"FRAME\n"


def write_noise(path: pathlib.Path, width: int, height: int, count: int) -> list[bytes]:
    """Writes `count` frames of reproducible noise; returns them."""
    noise = random.Random(width * height)
    frames = [noise.randbytes(pixels.frame_bytes("i420", width, height)) for _ in range(count)]
    path.write_bytes(HEADER.format(width=width, height=height).encode() + b"".join(FRAME + frame for frame in frames))
    return frames


def read(path: pathlib.Path, width: int, height: int) -> list[bytes]:
    """The frames of a file of that size."""
    header, rest = path.read_bytes().split(b"\n", 1)
    fields = header.decode().split()
    assert fields[0] == "YUV4MPEG2" and f"W{width}" in fields and f"H{height}" in fields, header
    size = len(FRAME) + pixels.frame_bytes("i420", width, height)
    assert len(rest) % size == 0, f"{len(rest)} bytes are no whole number of frames"
    records = [rest[at : at + size] for at in range(0, len(rest), size)]
    assert all(record.startswith(FRAME) for record in records)
    return [record[len(FRAME) :] for record in records]
