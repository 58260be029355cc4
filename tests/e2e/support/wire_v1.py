# SPDX-License-Identifier: Apache-2.0
"""Version 1 of the protocol, written from docs/wire.md and from nothing of ours: reading and writing of every message.

Values are plain dictionaries, as in `tests/vectors/v1/`. What may not be is a `WireError` with the vectors' word for it.
"""

import json
import math
import re
import unicodedata

from . import pixels, protobuf

MAX_NUMBER = 2**53 - 1
MAX_PAYLOAD_BYTES = 15360
MAX_LISTED = 128
MAX_DEPTH = 127
MAX_LABEL_BYTES = 64
MAX_ATTRIBUTES = 64
MAX_CONTROL_BYTES = 1024
MAX_HEADER_BYTES = 2048
MAX_METADATA_BYTES = 1024
MAX_POSITION_US = 2**50
MAX_SIDE = 16384
CHUNK_BYTES = 15000
START, MORE = 1, 0

CODECS = ["raw", "lz4", "zstd", "jpeg", "h264", "vp8", "vp9", "av1"]
FEATURES = ["crc"]
REASONS = ["flush", "clear", "abort"]
STATUSES = ["ok", "not_ready", "busy", "rejected"]
TYPES = {number: name for name, number in pixels.TYPES.items()}

SESSION = {1: ("session", "string")}
SEGMENT = {**SESSION, 2: ("segment", "uint64")}
TOKEN = {1: ("token", "uint64")}
CONTROL = {
    1: ("label", "string"),
    2: ("credit", {**SESSION, 2: ("limit", "uint64")}),
    3: ("blocked", {**SESSION, 2: ("offset", "uint64")}),
    4: ("ready", {1: ("receiver", "string")}),
    5: ("key_frame", SEGMENT),
    6: ("keep_alive", {**SEGMENT, 3: ("offset", "uint64")}),
    7: ("clear", {**SESSION, 2: ("through_segment", "uint64")}),
    8: ("ping", TOKEN),
    9: ("pong", TOKEN),
}
KINDS = frozenset(name for name, _ in CONTROL.values()) - {"label"}
# Numbers of 32 bits are read as 64, so that one out of range is seen.
HEADER = {
    1: ("number", "uint64"),
    2: ("offset", "uint64"),
    3: ("pts_us", "sint64"),
    4: ("size", "uint64"),
    5: ("codec", "uint64"),
    6: ("key", "bool"),
    7: ("width", "uint64"),
    8: ("height", "uint64"),
    9: ("type", "uint64"),
    10: ("sent_unix_us", "sint64"),
    11: ("crc32c", "fixed32"),
    12: ("metadata", "bytes"),
}
OPTIONAL = frozenset({"pts_us", "sent_unix_us", "crc32c"})


class WireError(ValueError):
    """What a peer sent is refused; `args[0]` is the vectors' word for the reason."""


def require(condition, kind: str) -> None:
    if not condition:
        raise WireError(kind)


def check_label(label) -> str:
    good = isinstance(label, str) and len(label.encode()) <= MAX_LABEL_BYTES
    require(good and not any(unicodedata.category(letter) == "Cc" for letter in label), "field:label")
    return label


def check_id(text, name: str) -> str:
    require(isinstance(text, str) and re.fullmatch("[0-9a-f]{16,64}", text), f"field:{name}")
    return text


def check_number(number, name: str, least: int = 0) -> int:
    require(type(number) is int and least <= number <= MAX_NUMBER, f"field:{name}")
    return number


# JSON payloads


def read_object(payload: str) -> dict:
    """One JSON object whose objects name no key twice."""
    require(len(payload.encode()) <= MAX_PAYLOAD_BYTES, "too_long")

    def distinct(pairs):
        require(len({name for name, _ in pairs}) == len(pairs), "json")
        return dict(pairs)

    def refuse(_):
        raise WireError("json")

    def fraction(text):
        require(math.isfinite(float(text)), "json")
        return float(text)

    def integer(text):
        return fraction(text) if text == "-0" or len(text) > 20 else int(text)

    hooks = {"object_pairs_hook": distinct, "parse_int": integer, "parse_float": fraction, "parse_constant": refuse}
    try:
        value = json.loads(payload, **hooks)
        json.dumps(value, ensure_ascii=False).encode()  # halves of surrogates are no text
        require(depth(value) <= MAX_DEPTH, "json")
    except (json.JSONDecodeError, RecursionError, UnicodeEncodeError):
        raise WireError("json") from None
    require(isinstance(value, dict), "json")
    return value


def depth(value) -> int:
    if not isinstance(value, (dict, list)):
        return 0
    return 1 + max(map(depth, value.values() if isinstance(value, dict) else value), default=0)


def read_list(message: dict, name: str, entry_type: type) -> list:
    entries = message.get(name, [])
    require(isinstance(entries, list) and len(entries) <= MAX_LISTED, f"field:{name}")
    require(all(type(entry) is entry_type for entry in entries), f"field:{name}")
    return entries


def known(message: dict, name: str, entry_type: type, all_known) -> list:
    """What we know of a list, each once."""
    return list(dict.fromkeys(entry for entry in read_list(message, name, entry_type) if entry in all_known))


def read_segments(message: dict, name: str, read) -> list:
    segments = [read(entry) for entry in read_list(message, name, dict)]
    numbers = [segment["segment"] for segment in segments]
    require(all(one < next for one, next in zip(numbers, numbers[1:])), f"field:{name}")
    return segments


def read_pair(message: dict) -> dict:
    label = check_label(message.get("label", ""))
    return {"label": label, "session": check_id(message.get("session"), "session")}


def read_ended(entry: dict) -> dict:
    require(entry.get("reason") in REASONS, "field:reason")
    segment = check_number(entry.get("segment"), "segment", 1)
    return {"segment": segment, "frames": check_number(entry.get("frames"), "frames"), "reason": entry["reason"]}


def read_open(entry: dict) -> dict:
    segment = check_number(entry.get("segment"), "segment", 1)
    return {"segment": segment, "next_frame": check_number(entry.get("next_frame"), "next_frame")}


def read_hello(payload: str) -> dict:
    message = read_object(payload)
    return {
        "version": check_number(message.get("version"), "version", 1),
        **read_pair(message),
        "codecs": known(message, "codecs", str, CODECS),
        "features": known(message, "features", str, FEATURES),
        "ended": read_segments(message, "ended", read_ended),
    }


def read_answer(payload: str) -> dict:
    message = read_object(payload)
    require(check_number(message.get("version"), "version") == 1, "version")
    status = message.get("status")
    require(isinstance(status, str) and status in STATUSES, "field:status")
    if status != "ok":
        return {"version": 1, "status": status}
    require(all(0 <= number <= MAX_NUMBER for number in read_list(message, "types", int)), "field:types")
    return {
        "version": 1,
        "status": status,
        "receiver": check_id(message.get("receiver"), "receiver"),
        "codecs": known(message, "codecs", str, CODECS),
        "types": known(message, "types", int, TYPES),
        "features": known(message, "features", str, FEATURES),
        "max_frame": check_number(message.get("max_frame"), "max_frame", 1),
        "limit": check_number(message.get("limit"), "limit"),
        "open": read_segments(message, "open", read_open),
    }


def read_clear(payload: str) -> dict:
    message = read_object(payload)
    return {**read_pair(message), "through_segment": check_number(message.get("through_segment"), "through_segment")}


def read_playback_started(payload: str) -> dict:
    message = read_object(payload)
    return {**read_pair(message), "segment": check_number(message.get("segment"), "segment", 1)}


def read_playback_finished(payload: str) -> dict:
    message = read_object(payload)
    started = read_playback_started(payload)
    seconds, interrupted = message.get("playback_position"), message.get("interrupted")
    require(type(seconds) in (int, float) and type(interrupted) is bool, "playback_finished")
    require(seconds >= 0 and round(seconds * 1e6) <= MAX_POSITION_US, "position")
    return {**started, "position_us": round(seconds * 1e6), "interrupted": interrupted}


def write_json(message: dict) -> str:
    """The payload of a message as the readers give it."""
    message = dict(message)
    if "position_us" in message:
        message["playback_position"] = message.pop("position_us") / 1e6
    return json.dumps(message)


# Attributes


def decimal(attributes: dict, name: str, missing=None) -> int | None:
    if name not in attributes:
        return missing
    value = attributes[name]
    require(re.fullmatch("[0-9]+", value) and int(value) <= MAX_NUMBER, f"attribute:{name}")
    return int(value)


def read_attributes(attributes: dict) -> dict:
    """The attributes of a stream of version 1."""
    require(len(attributes) <= MAX_ATTRIBUTES, "too_many")
    require("lkv" in attributes, "field:lkv")
    require(attributes["lkv"] == "1", "version")
    kind, width, height = (decimal(attributes, *it) for it in (("type", 0), ("width", 640), ("height", 480)))
    require(frame_bytes(kind, width, height) is not None, "frame")
    label = check_label(attributes.get("label", ""))
    session = check_id(attributes.get("session"), "session")
    segment = check_number(decimal(attributes, "segment"), "segment", 1)
    resume_from = decimal(attributes, "resume_from")
    video = {"type": kind, "width": width, "height": height}
    return {**video, "label": label, "session": session, "segment": segment, "resume_from": resume_from}


def read_trailer(attributes: dict) -> dict:
    values = {name: check_number(decimal(attributes, name), name) for name in ("frames", "offset")}
    require(attributes.get("reason") in REASONS, "field:reason")
    return {**values, "reason": attributes["reason"]}


def write_attributes(values: dict) -> dict:
    """The attributes of a stream or of a trailer."""
    version = {"lkv": "1"} if "session" in values else {}
    return version | {name: str(value) for name, value in values.items() if value is not None}


# Protobuf messages


def parse(data: bytes, fields: dict, oneof: frozenset = frozenset()) -> dict:
    try:
        return protobuf.read_message(data, fields, oneof)
    except protobuf.Malformed:
        raise WireError("message") from None


def read_control(data: bytes) -> dict | None:
    """A control message; None is a kind that we do not know."""
    require(len(data) <= MAX_CONTROL_BYTES, "too_long")
    message = parse(data, CONTROL, KINDS)
    kind = next((name for name in message if name in KINDS), None)
    if kind is None:
        return None
    fields = dict(next(fields for name, fields in CONTROL.values() if name == kind).values())
    label, values = check_label(message.get("label", "")), {}
    for name, field_type in fields.items():
        value = message[kind].get(name, "" if field_type == "string" else 0)
        if field_type == "string":
            values[name] = check_id(value, name)
        else:
            values[name] = value if name == "token" else check_number(value, name, int(name == "segment"))
    return {"label": label, kind: values}


def write_control(message: dict) -> bytes:
    return protobuf.write_message(message, CONTROL)


def frame_bytes(kind: int, width: int, height: int) -> int | None:
    """Bytes of the pixels, if there are such frames."""
    if kind not in TYPES or not 1 <= width <= MAX_SIDE or not 1 <= height <= MAX_SIDE:
        return None
    return pixels.frame_bytes(TYPES[kind], width, height)


def read_header(record: bytes) -> tuple[dict, bytes]:
    """The header at the front of a record, and the payload behind it."""
    try:
        length, at = protobuf.read_varint(record, 0)
    except protobuf.Malformed:
        raise WireError("message") from None
    require(length <= MAX_HEADER_BYTES, "too_long")
    require(at + length <= len(record), "field:header")
    message = parse(record[at : at + length], HEADER)
    header = {name: message.get(name, None if name in OPTIONAL else 0) for name, _ in HEADER.values()}
    header["metadata"] = message.get("metadata", b"").hex()
    require(header["codec"] < len(CODECS), "field:codec")
    header["codec"] = CODECS[header["codec"]]
    header["key"] = bool(header["key"]) or header["codec"] == "raw"
    for name in ("size", "type"):
        require(header[name] < 1 << 32, f"field:{name}")
    require(header["type"] in TYPES, "frame")
    for name in ("width", "height"):
        require(header[name] < 1 << 32, f"field:{name}")
    check_header(header)
    return header, record[at + length :]


def check_header(header: dict) -> None:
    require(len(header["metadata"]) <= 2 * MAX_METADATA_BYTES, "too_long")
    for name in ("number", "offset"):
        check_number(header[name], name)
    pixel_bytes = frame_bytes(header["type"], header["width"], header["height"])
    require(pixel_bytes is not None, "frame")
    require(header["codec"] != "raw" or header["size"] == pixel_bytes, "frame")
    require(0 < header["size"] < 1 << 32, "field:size")


def write_header(header: dict) -> bytes:
    check_header(header)
    fields = {**header, "codec": CODECS.index(header["codec"]), "metadata": bytes.fromhex(header["metadata"])}
    message = protobuf.write_message(fields, HEADER, OPTIONAL)
    return protobuf.write_varint(len(message)) + message


# Records


def write_chunks(header: dict, payload: bytes) -> list[bytes]:
    """The contents of a frame's chunks."""
    require(len(payload) == header["size"], "frame")
    record, step = write_header(header) + payload, CHUNK_BYTES - 1
    return [bytes([MORE if at else START]) + record[at : at + step] for at in range(0, len(record), step)]


class Assembler:
    """Makes frames of a stream's chunks. `next_frame` and `offset`: what of the session is accounted for already."""

    def __init__(self, max_frame: int, codecs: list[str], next_frame: int = 0, offset: int = 0):
        self.max_frame, self.codecs = max_frame, codecs
        self.next_frame, self.offset, self.offset_is_exact = next_frame, offset, False
        self.next_chunk = 0
        self.missing = self.repeated = self.refused = self.damaged_frames = 0
        self.unfinished: tuple[dict, bytearray] | None = None
        self.skipping = False

    def push(self, index: int, content: bytes) -> dict | None:
        """Takes a chunk; gives the frame that is whole with it."""
        if index > MAX_NUMBER:
            self.refused += 1
            raise WireError("index")
        if index < self.next_chunk:
            self.repeated += 1
            return None
        if index > self.next_chunk:
            self.missing += index - self.next_chunk
            self.offset_is_exact = False
            self.give_up()
        self.next_chunk = index + 1
        try:
            return self.take(content)
        except WireError:
            self.refused += 1
            self.give_up()
            raise
        finally:
            self.offset = min(self.offset + len(content), MAX_NUMBER)

    @property
    def partial(self) -> int:
        return len(self.unfinished[1]) if self.unfinished else 0

    def take(self, content: bytes) -> dict | None:
        require(len(content) <= CHUNK_BYTES, "too_long")
        require(len(content) > 1 and content[0] in (START, MORE), "marker")
        if content[0] == START:
            self.give_up()
            header, payload = read_header(content[1:])
            self.check(header)
            self.offset, self.offset_is_exact = header["offset"], True
            self.unfinished = header, bytearray()
        elif self.unfinished:
            header, payload = self.unfinished[0], content[1:]
        else:
            require(self.skipping, "stray")
            return None
        data = self.unfinished[1]
        require(len(data) + len(payload) <= header["size"], "surplus")
        data += payload
        if len(data) < header["size"]:
            return None
        self.unfinished, self.skipping = None, False
        lost_before = header["number"] - self.next_frame
        self.next_frame = header["number"] + 1
        return {"number": header["number"], "lost_before": lost_before, "payload": bytes(data).hex()}

    def check(self, header: dict) -> None:
        require(header["number"] >= self.next_frame, "number")
        exact, fits = header["offset"] == self.offset, header["offset"] >= self.offset
        require(exact if self.offset_is_exact else fits, "offset")
        require(header["codec"] in self.codecs, "codec")
        pixel_bytes = frame_bytes(header["type"], header["width"], header["height"])
        require(max(header["size"], pixel_bytes) <= self.max_frame, "too_long")

    def give_up(self) -> None:
        self.damaged_frames += self.unfinished is not None
        self.unfinished, self.skipping = None, True
