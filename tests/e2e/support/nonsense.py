# SPDX-License-Identifier: Apache-2.0
"""What nobody should send: attributes, records, control messages and payloads that docs/wire.md says are refused.

Each list holds one thing wrong an entry, so that the peer's counter of refusals has to be its length.
"""

import json

from . import protobuf, wire_v1
from .wire_v1 import CONTROL as CONTROL_FIELDS
from .wire_v1 import HEADER, MAX_NUMBER, OPTIONAL

FRAME = {"width": 16, "height": 8, "type": 0}
FRAME_BYTES = 512
STRANGE_SESSION = "f" * 32

# Numbers that are none, negative, out of range, or beyond 32, 64 and any bits. A frame is 16x8 RGBA but for these.
BAD_NUMBERS = ["", "-1", "+1", " 1", "1 ", "1e3", "0x10", "1.0", "NaN", "\u0661", "1\0"]
BAD_NUMBERS += [str(2**32 + 8), str(2**64 + 8), "9" * 5000]
ATTRIBUTES = (
    [{name: value} for name in ("width", "height", "type") for value in BAD_NUMBERS]
    + [{name: value} for name in ("width", "height") for value in ("0", "16385", str(2**31))]
    + [{"type": "11"}, {"type": "255"}]
)
# Well-formed, and larger than a receiver takes: up to 1 GiB a frame.
LARGE = [{"width": 16384, "height": 16384, "type": kind} for kind in range(11)]
# Chunk indices of a stream: repeated, missing, swapped, absurd. Each chunk is a frame.
ORDERS = {
    "repeated": [0, 1, 1, 0, 2],
    "missing": [0, 1, 4, 5],
    "swapped": [0, 2, 1, 3],
    "absurd": [2**64 - 1, 2**63, 0, 1],
}

# Streams of version 1.
STREAMS = [
    {"lkv": ""},
    {"lkv": "2"},
    {"lkv": "01"},
    {"session": ""},
    {"session": "0123"},
    {"session": "G" * 32},
    {"session": "0" * 65},
    {"segment": ""},
    {"segment": 0},
    {"segment": -1},
    {"segment": 2**53},
    {"segment": 2**64 + 1},
    {"resume_from": -1},
    {"resume_from": 2**53},
    {"width": 0},
    {"height": 2**64},
    {"type": 11},
]

DEEP = 5000
JSON = [
    "{",
    "[]",
    "null",
    "1",
    '""',
    "nan",
    "{}",
    "\0",
    "\U0001f600",
    '{"a": 1, "a": 1}',
    '{"version": -1, "label": 1, "session": [], "segment": 1e400, "playback_position": "1", "interrupted": null}',
    '{"version": 1e3, "session": 0, "through_segment": {}, "playback_position": -1, "interrupted": true}',
    '{"playback_position": 1e999, "interrupted": false}',
    '{"playback_position": 1e300, "interrupted": false}',
    "[" * DEEP,
    "[" * DEEP + "]" * DEEP,
    '{"a":' * (DEEP // 2) + "1" + "}" * (DEEP // 2),
    '{"playback_position": 1, "interrupted": false, "a": ' + "[" * 200 + "]" * 200 + "}",
    '{"a": "' + "x" * 14000 + '"}',
]


def control(**kinds) -> bytes:
    return protobuf.write_message(kinds, CONTROL_FIELDS)


# Control messages that cannot be read, or say what may not be.
CONTROL = [
    b"\0",
    b"\xff" * 100,
    b"\x0a\xff\xff\xff\xff\x0f",
    b"\x0a\x02\xc3\x28" + control(ping={"token": 1}),
    b"\xa3\x06" * 400,
    control(ping={"token": 1}) + b"\x7a\xff\x07" + bytes(1023),
    control(label="x" * 65, ping={"token": 1}),
    control(label="a\nb", ping={"token": 1}),
    control(credit={"session": "", "limit": 1}),
    control(credit={"session": "X" * 32, "limit": 1}),
    control(credit={"session": STRANGE_SESSION, "limit": MAX_NUMBER + 1}),
    control(credit={"session": STRANGE_SESSION, "limit": 2**64 - 1}),
    control(blocked={"session": STRANGE_SESSION, "offset": 2**64 - 1}),
    control(ready={"receiver": "0" * 65}),
    control(key_frame={"session": STRANGE_SESSION, "segment": 0}),
    control(keep_alive={"session": STRANGE_SESSION, "segment": 0, "offset": 0}),
    control(keep_alive={"session": STRANGE_SESSION, "segment": 1, "offset": 2**63}),
    control(clear={"session": "f" * 15, "through_segment": 1}),
    control(clear={"session": STRANGE_SESSION, "through_segment": 2**63}),
]

# Good ones, each of a session that nobody has.
FOREIGN = [
    {"credit": {"session": STRANGE_SESSION, "limit": MAX_NUMBER}},
    {"blocked": {"session": STRANGE_SESSION, "offset": MAX_NUMBER}},
    {"ready": {"receiver": STRANGE_SESSION}},
    {"key_frame": {"session": STRANGE_SESSION, "segment": 1}},
    {"keep_alive": {"session": STRANGE_SESSION, "segment": 1, "offset": 1}},
    {"clear": {"session": STRANGE_SESSION, "through_segment": MAX_NUMBER}},
    {"ping": {"token": 2**64 - 1}},
    {"pong": {"token": 0}},
]


def lies(session: str) -> list[dict]:
    """Of a sender: more than it was granted, another life, and what only receivers say."""
    return [
        {"blocked": {"session": session, "offset": MAX_NUMBER}},
        {"keep_alive": {"session": session, "segment": 1, "offset": MAX_NUMBER}},
        {"clear": {"session": STRANGE_SESSION, "through_segment": MAX_NUMBER}},
        {"credit": {"session": session, "limit": MAX_NUMBER}},
        {"ready": {"receiver": session}},
        {"label": "other", "clear": {"session": session, "through_segment": 1}},
    ]


def receiver_lies(session: str) -> list[dict]:
    """Of a receiver: credit of another life, and what only senders say. An absurd limit is its own affair."""
    return [
        {"credit": {"session": STRANGE_SESSION, "limit": MAX_NUMBER}},
        {"blocked": {"session": session, "offset": 0}},
        {"keep_alive": {"session": session, "segment": 1, "offset": MAX_NUMBER}},
        {"clear": {"session": session, "through_segment": MAX_NUMBER}},
        {"label": "other", "credit": {"session": session, "limit": 0}},
    ]


# Contents of chunks of version 1 between two records.
CHUNKS = [
    b"\0goes on after its end",
    b"",
    b"\1",
    b"\7nothing begins so",
    b"\xff" * 15000,
    b"\1" + b"x" * 15000,
    b"\1" + b"\xff" * 9 + b"\1",
    b"\1" + b"\xff" * 20,
    b"\1" + protobuf.write_varint(2049) + bytes(3000),
    b"\1" + protobuf.write_varint(2000) + bytes(100),
    b"\1" + protobuf.write_varint(0),
    b"\1" + protobuf.write_varint(100) + b"\xff" * 200,
    b"\1" + protobuf.write_varint(200) + b"\xa3\x06" * 100,
]
# What is wrong with the header of an otherwise good record.
HEADERS = [
    {"size": 0},
    {"size": FRAME_BYTES - 1},
    {"size": FRAME_BYTES + 1},
    {"size": 2**32 - 1},
    {"size": 2**32 + FRAME_BYTES},
    {"size": 2**64 - 1},
    {"width": 0},
    {"width": 16385},
    {"width": 2**32 + 16},
    {"height": 2**64 - 1},
    {"width": 16384, "height": 16384, "size": 2**30},
    {"width": 16384, "height": 16384, "size": 1, "codec": 4},
    {"type": 11},
    {"codec": 4},
    {"codec": 8},
    {"number": 0},
    {"number": MAX_NUMBER + 1},
    {"offset": 0},
    {"offset": MAX_NUMBER},
    {"offset": 2**64 - 1},
    {"metadata": bytes(1025)},
]


def frame_header(number: int, offset: int) -> dict:
    """A good one."""
    optional = {"pts_us": None, "sent_unix_us": None, "crc32c": None}
    codec = {"codec": "raw", "key": True, "metadata": ""}
    return {"number": number, "offset": offset, "size": FRAME_BYTES, **codec, **FRAME, **optional}


def record(header: dict, **wrong) -> bytes:
    """The chunk of a record whose header is wrong."""
    fields = {**header, "codec": 0, "metadata": b"", **wrong}
    message = protobuf.write_message(fields, HEADER, OPTIONAL)
    return b"\1" + protobuf.write_varint(len(message)) + message + bytes(FRAME_BYTES)


def hello(session: str) -> str:
    return wire_v1.write_json({"version": 1, "label": "", "session": session, "codecs": ["raw"], "features": [], "ended": []})


def clear(session: str) -> str:
    return json.dumps({"label": "", "session": session, "through_segment": MAX_NUMBER})


def started(session: str, segment: int = 1) -> str:
    return json.dumps({"label": "", "session": session, "segment": segment})


def finished(session: str, segment: int = 1) -> str:
    return json.dumps({"label": "", "session": session, "segment": segment, "playback_position": 1.0, "interrupted": False})


FINISHED_V0 = json.dumps({"playback_position": 1.0, "interrupted": False})
