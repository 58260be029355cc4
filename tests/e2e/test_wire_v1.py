# SPDX-License-Identifier: Apache-2.0
"""The Python peer's reader and writer of version 1 against the golden vectors that the library is held to. No server."""

import json
import pathlib
import zlib

import pytest

from support import wire_v1

VECTORS = pathlib.Path(__file__).resolve().parents[1] / "vectors/v1"


def load(name: str) -> dict:
    return json.loads((VECTORS / name).read_text())


def refusal(read, *arguments) -> str | None:
    """The word for why something is refused."""
    try:
        read(*arguments)
    except wire_v1.WireError as error:
        return error.args[0]
    return None


@pytest.mark.parametrize(
    "name, group, read",
    [
        ("hello.json", "request", wire_v1.read_hello),
        ("hello.json", "answer", wire_v1.read_answer),
        ("rpc.json", "clear", wire_v1.read_clear),
        ("rpc.json", "playback_started", wire_v1.read_playback_started),
        ("rpc.json", "playback_finished", wire_v1.read_playback_finished),
    ],
)
def test_payloads(name, group, read):
    cases = load(name)[group]
    for good in cases["good"]:
        assert read(good["payload"]) == good["value"], good["case"]
        assert read(wire_v1.write_json(good["value"])) == good["value"], good["case"]
    for bad in cases["bad"]:
        text, times = bad.get("fill", ["%", 1])
        assert refusal(read, bad["payload"].replace("%", text * times)) == bad["error"], bad["case"]


@pytest.mark.parametrize("group, read", [("stream", wire_v1.read_attributes), ("trailer", wire_v1.read_trailer)])
def test_attributes(group, read):
    cases = load("attributes.json")[group]
    for good in cases["good"]:
        assert read(good["attributes"]) == good["value"], good["case"]
        assert read(wire_v1.write_attributes(good["value"])) == good["value"], good["case"]
    for bad in cases["bad"]:
        assert refusal(read, bad["attributes"]) == bad["error"], bad["case"]


def test_control_messages():
    cases = load("control.json")
    for good in cases["good"]:
        assert wire_v1.read_control(bytes.fromhex(good["hex"])) == good["value"], good["case"]
        if good["exact"]:
            assert wire_v1.write_control(good["value"]).hex() == good["hex"], good["case"]
    for bad in cases["bad"]:
        assert refusal(wire_v1.read_control, bytes.fromhex(bad["hex"])) == bad["error"], bad["case"]


def test_frame_headers():
    cases = load("frame_header.json")
    for good in cases["good"]:
        assert wire_v1.read_header(bytes.fromhex(good["hex"]) + b"payload") == (good["value"], b"payload"), good["case"]
        if good["exact"]:
            assert wire_v1.write_header(good["value"]).hex() == good["hex"], good["case"]
    for bad in cases["bad"]:
        assert refusal(wire_v1.read_header, bytes.fromhex(bad["hex"])) == bad["error"], bad["case"]


@pytest.mark.parametrize("story", load("records.json")["incoming"], ids=lambda story: story["case"])
def test_incoming_records(story):
    assembler = wire_v1.Assembler(story["max_frame"], story["codecs"], story["next_frame"], story["offset"])
    for chunk in story["chunks"]:
        frame, error = None, None
        try:
            frame = assembler.push(chunk["index"], bytes.fromhex(chunk["hex"]))
        except wire_v1.WireError as refused:
            error = refused.args[0]
        assert (frame, error) == (chunk.get("frame"), chunk.get("error")), chunk["index"]
    assert {name: getattr(assembler, name) for name in story["after"]} == story["after"]


def test_outgoing_records():
    for outgoing in load("records.json")["outgoing"]:
        payload = bytes((31 * i * i + 7 * i) >> 3 & 255 for i in range(outgoing["header"]["size"]))
        chunks = wire_v1.write_chunks(outgoing["header"], payload)
        cut = [{"bytes": len(chunk), "crc32": zlib.crc32(chunk)} for chunk in chunks]
        assert cut == outgoing["chunks"], outgoing["case"]
        assert sum(map(len, chunks)) == outgoing["chunk_bytes"], outgoing["case"]
