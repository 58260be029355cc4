# SPDX-License-Identifier: Apache-2.0
"""What the receiving application sees, row by row of the tables in docs/wire.md, where no other situation shows it. The
table in docs/testing.md says which test shows which row."""

import pytest

from support import checks
from support.programs import where
from support.room import CONNECTED
from support.server import Server

BAD_STREAM = -5  # LKV_ERROR_UNSUPPORTED
ROWS = {
    0: {
        "whole": ["FLUSHED"],
        "empty": ["FLUSHED"],
        "inside_a_frame": ["TRUNCATED"],
        "reason": ["TRUNCATED"],
        "no_trailer": ["TRUNCATED", "FLUSHED"],
        "silent": ["TIMED_OUT"],
        "leaves": ["SENDER_LEFT"],
    },
    1: {
        "whole": ["FLUSHED"],
        "empty": ["FLUSHED"],
        "unfinished_frame": ["FLUSHED"],
        "other_size": ["FLUSHED"],
        "abort": ["TRUNCATED"],
        "without_attributes": ["TRUNCATED"],
        "reason": ["TRUNCATED"],
        "no_trailer": ["TRUNCATED", "FLUSHED"],
        "silent": ["TIMED_OUT"],
        "starts_anew": ["SENDER_RESTARTED"],
        "leaves": ["SENDER_LEFT"],
    },
}


def scripted(room, version: int, rows: list[str]):
    """The sender that carries rows out."""
    return room.start("scripted", "sender", "sender", kind="agent", receiver="receiver", version=version, rows=",".join(rows))


@pytest.mark.parametrize("version", [0, 1])
def test_every_end_of_a_sender(room, version):
    receiver = room.receiver("c")
    sender = scripted(room, version, list(ROWS[version]))
    sender.wait_event(where("row", row="leaves"))
    expected = [cause for causes in ROWS[version].values() for cause in causes]
    receiver.wait_event("segment_end", len(expected))
    assert checks.assert_segments_in_order(receiver) == expected, receiver.report()
    sizes = {(event["width"], event["height"], event["bytes"]) for event in receiver.matching("frame")}
    lost = {event["segment"]: event["lost"] for event in receiver.matching("segment_end") if event["lost"]}
    assert (sizes, lost) == (({(16, 8, 512)}, {}) if version == 0 else ({(16, 8, 512), (3, 5, 27)}, {3: 1}))
    assert not receiver.matching(where("error", code=BAD_STREAM)), receiver.report()


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize("how", ["interrupted", "removed"])
def test_room_of_the_receiver_ends(room, server, version, how):
    receiver = room.receiver("c")
    scripted(room, version, ["stays"])
    receiver.wait_event("frame", 2)
    if how == "removed":
        server.remove_participant(room.name, "receiver")
    else:
        receiver.interrupt()
    receiver.wait_exit()
    assert checks.assert_segments_in_order(receiver) == ["DISCONNECTED"], receiver.report()


@pytest.mark.fault
def test_both_rooms_are_connected_anew_in_version_0(make_room, tmp_path):
    """Nothing of a segment of version 0 goes on after it."""
    server = Server(tmp_path / "livekit-server.log")
    server.start()
    try:
        room = make_room(server)
        receiver = room.receiver("c", stay=True)
        scripted(room, 0, ["stays"])
        receiver.wait_event("frame", 2)
        server.kill()
        receiver.wait_event(where("room_state", state="reconnecting"))
        server.start()
        receiver.wait_event(CONNECTED, 2)
        receiver.wait_event("segment_end")
        receiver.interrupt()
        receiver.wait_exit()
    finally:
        server.kill()
    assert checks.assert_segments_in_order(receiver) in (["TRUNCATED"], ["SENDER_LEFT"]), receiver.report()
