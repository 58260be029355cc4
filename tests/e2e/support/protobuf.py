# SPDX-License-Identifier: Apache-2.0
"""As much of protobuf's wire format as version 1 needs, strict where the format leaves a choice.

A message is described by `{field number: (name, type)}`, where a type is "uint64", "sint64", "bool", "fixed32", "string",
"bytes" or the description of another message. Reading gives the fields that were there, by name.
"""

VARINT, FIXED64, LENGTH, GROUP, GROUP_END, FIXED32 = range(6)
WIRE_TYPES = {"uint64": VARINT, "sint64": VARINT, "bool": VARINT, "fixed32": FIXED32, "string": LENGTH, "bytes": LENGTH}
GREATEST_DEPTH = 100


class Malformed(ValueError):
    """Not a message of this description."""


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of up to 64 bits and where it ends."""
    number = 0
    for count in range(10):
        if at >= len(data):
            raise Malformed("a number without an end")
        byte = data[at]
        at += 1
        number |= (byte & 127) << 7 * count
        if byte < 128:
            if number >= 1 << 64:
                raise Malformed("a number of more than 64 bits")
            return number, at
    raise Malformed("a number of more than ten bytes")


def write_varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_message(data: bytes, fields: dict, oneof: frozenset = frozenset(), depth: int = 0) -> dict:
    """The known fields of a message; unknown ones are skipped. The last of several counts, in `oneof` of all of them."""
    values, at = {}, 0
    while at < len(data):
        number, wire_type, at = read_key(data, at)
        if number not in fields:
            at = skip(data, at, number, wire_type, depth)
            continue
        name, kind = fields[number]
        if wire_type != (LENGTH if isinstance(kind, dict) else WIRE_TYPES[kind]):
            raise Malformed(f"{name} has wire type {wire_type}")
        raw, at = read_value(data, at, wire_type)
        if name in oneof:
            values = {other: value for other, value in values.items() if other == name or other not in oneof}
        if isinstance(kind, dict):
            # Parts of one message are one message.
            values[name] = {**values.get(name, {}), **read_message(raw, kind, depth=depth + 1)}
        else:
            values[name] = convert(raw, kind)
    return values


def read_key(data: bytes, at: int) -> tuple[int, int, int]:
    key, at = read_varint(data, at)
    number, wire_type = key >> 3, key & 7
    if not 0 < number < 1 << 29 or wire_type > FIXED32:
        raise Malformed(f"key {key}")
    return number, wire_type, at


def read_value(data: bytes, at: int, wire_type: int) -> tuple[object, int]:
    if wire_type == VARINT:
        return read_varint(data, at)
    if wire_type == LENGTH:
        length, at = read_varint(data, at)
    else:
        length = {FIXED32: 4, FIXED64: 8}[wire_type]
    if at + length > len(data):
        raise Malformed("cut off")
    return data[at : at + length], at + length


def convert(raw, kind: str):
    if kind == "string":
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise Malformed("text is not UTF-8") from None
    if kind == "sint64":
        return raw >> 1 ^ -(raw & 1)
    if kind == "fixed32":
        return int.from_bytes(raw, "little")
    return bool(raw) if kind == "bool" else raw


def skip(data: bytes, at: int, number: int, wire_type: int, depth: int) -> int:
    """Where an unknown field ends."""
    if wire_type == GROUP_END:
        raise Malformed("the end of no group")
    if wire_type != GROUP:
        return read_value(data, at, wire_type)[1]
    if depth == GREATEST_DEPTH:
        raise Malformed("nested too deeply")
    while True:
        inner, inner_type, at = read_key(data, at)
        if inner_type == GROUP_END:
            if inner != number:
                raise Malformed("the end of another group")
            return at
        at = skip(data, at, inner, inner_type, depth + 1)


def write_message(values: dict, fields: dict, explicit: frozenset = frozenset()) -> bytes:
    """A message of the fields by number; zeros are left out unless they are `explicit`, and so is None."""
    out = bytearray()
    for number, (name, kind) in sorted(fields.items()):
        value = values.get(name)
        if value is None or not value and name not in explicit and not isinstance(kind, dict):
            continue
        wire_type = LENGTH if isinstance(kind, dict) else WIRE_TYPES[kind]
        out += write_varint(number << 3 | wire_type)
        if wire_type == VARINT:
            zigzag = (value << 1 ^ value >> 63) & (1 << 64) - 1
            out += write_varint(zigzag if kind == "sint64" else int(value))
        elif wire_type == FIXED32:
            out += value.to_bytes(4, "little")
        else:
            part = write_message(value, kind) if isinstance(kind, dict) else value.encode() if kind == "string" else value
            out += write_varint(len(part)) + part
    return bytes(out)
