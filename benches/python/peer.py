# SPDX-License-Identifier: Apache-2.0
"""What the peers of the comparison have in common: command line, clock, event lines, frames and their stamps, tokens.

Options and lines are those of `benches/c`: one JSON object a line on stdout, `t_us` on the monotonic clock, which all
processes of a machine share. A peer leaves the room when its standard input ends. A stamp, (frame number, time of
sending) as two little-endian 64-bit numbers, stands in the first and in the last bytes of each frame.
"""

import argparse
import asyncio
import base64
import hashlib
import hmac
import io
import json
import os
import struct
import sys
import threading
import time
from pathlib import Path

STAMP = struct.Struct("<qq")
PREPARED = 4
CLIP = Path(__file__).parents[2] / "tests/media/big-buck-bunny.avi"

# Bytes of a frame of so many pixels (even dimensions), and the number on the wire.
TYPES = {"rgba": (0, lambda pixels: pixels * 4), "rgb24": (4, lambda pixels: pixels * 3), "i420": (5, lambda pixels: pixels * 3 // 2)}


def now_us() -> int:
    return time.monotonic_ns() // 1000


def emit(event: str, **fields) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["send", "receive"])
    parser.add_argument("--room", required=True)
    parser.add_argument("--size", default="640x480")
    parser.add_argument("--type", default="rgba", choices=list(TYPES))
    parser.add_argument("--fps", type=float, default=0, help="0: as fast as it goes")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--min-frames", type=int, default=1, help="go on until so many are sent")
    parser.add_argument("--codec", default="raw", choices=["raw", "mjpeg"], help="of livekit-portal")
    parsed = parser.parse_args()
    parsed.width, parsed.height = map(int, parsed.size.split("x"))
    parsed.number, bytes_of = TYPES[parsed.type]
    parsed.frame_bytes = bytes_of(parsed.width * parsed.height)
    return parsed


def token(room: str, identity: str, agent: bool) -> str:
    """An access token of the key and secret in the environment (JWT, HS256)."""
    now = int(time.time())
    video = {"roomJoin": True, "room": room, "canPublish": True, "canPublishData": True, "canSubscribe": True}
    video["canUpdateOwnMetadata"] = True
    kind = "agent" if agent else "standard"
    claims = {"iss": os.environ["LIVEKIT_API_KEY"], "sub": identity, "nbf": now - 60, "exp": now + 3600, "kind": kind}
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, {**claims, "video": video})]
    signed = b".".join(map(base64url, parts))
    signature = hmac.new(os.environ["LIVEKIT_API_SECRET"].encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + base64url(signature)).decode()


def base64url(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def prepared_bytes(size: int) -> list[bytearray]:
    """Frames whose content costs nothing: they are sent as they are."""
    return [bytearray(bytes((i * 60 + k) % 256 for k in range(251)) * (size // 251 + 1))[:size] for i in range(PREPARED)]


def prepared_pictures(width: int, height: int) -> list[bytearray]:
    """RGB24 pictures of the clip of the tests, for a codec whose cost depends on them."""
    from PIL import Image

    file, at, pictures = CLIP.read_bytes(), 0, []
    while len(pictures) < PREPARED:
        at = file.index(b"00dc", at)
        size = int.from_bytes(file[at + 4 : at + 8], "little")
        content, at = file[at + 8 : at + 8 + size], at + 8
        if content.startswith(b"\xff\xd8"):  # the name also stands in the header
            picture = Image.open(io.BytesIO(content)).convert("RGB").resize((width, height))
            pictures.append(bytearray(picture.tobytes()))
    return pictures


def stamp(frame: bytearray, number: int, time_us: int) -> None:
    STAMP.pack_into(frame, 0, number, time_us)
    STAMP.pack_into(frame, len(frame) - STAMP.size, number, time_us)


class Arrivals:
    """Reports frames that came, and counts those that are not what was sent."""

    def __init__(self):
        self.frames = 0
        self.broken = 0
        self.last = -1

    def whole(self, frame, at_us: int) -> None:
        number, sent_us = STAMP.unpack_from(frame, 0)
        if STAMP.unpack_from(frame, len(frame) - STAMP.size) != (number, sent_us):
            self.broken += 1
        else:
            self.report(number, sent_us, at_us)

    def report(self, number: int, sent_us: int, at_us: int) -> None:
        if number <= self.last:
            self.broken += 1
        self.last = number
        self.frames += 1
        emit("frame", number=number, sent_us=sent_us, t_us=at_us)


class Pace:
    """Says when to send the next frame, and when it is enough."""

    def __init__(self, wanted: argparse.Namespace):
        self.wanted = wanted
        self.start_us = now_us()
        self.sent = 0
        emit("sending", t_us=self.start_us)

    def over(self) -> bool:
        due_us = self.start_us + (self.sent / self.wanted.fps * 1e6 if self.wanted.fps else 0)
        return max(now_us(), due_us) >= self.start_us + self.wanted.seconds * 1e6 and self.sent >= self.wanted.min_frames

    async def wait(self) -> None:
        if self.wanted.fps:
            await asyncio.sleep(max(0.0, (self.start_us + self.sent / self.wanted.fps * 1e6 - now_us()) / 1e6))

    def done(self) -> None:
        emit("done", t_us=now_us(), frames=self.sent)


async def until_input_ends() -> None:
    """Returns when whoever started us closes our standard input."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()

    def watch() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=watch, daemon=True).start()
    await ended.wait()


def run(send, receive) -> None:
    """Runs the role that the command line names, and ends the process: native threads may outlive the interpreter."""
    wanted = options()
    status = 1
    try:
        asyncio.run((send if wanted.role == "send" else receive)(wanted))
        status = 0
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
