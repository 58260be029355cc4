# SPDX-License-Identifier: Apache-2.0
"""A participant that is not the expected peer calls our RPC methods: `reject`, and nothing changes."""

import json

import pytest

from support import checks
from support.room import CONNECTED

CLEAR = "lk.clear_buffer_video"
PLAYBACK_FINISHED = "lk.playback_finished_video"
FRAMES = 150


@pytest.mark.parametrize("language", ["c", "cpp"])
def test_foreign_calls_are_rejected(room, language):
    receiver = room.receiver(language, segments=1)
    sender = room.sender(language, segments=1, frames=FRAMES, size="320x240")
    receiver.wait_event("frame", 5)
    finish = json.dumps({"playback_position": 1.0, "interrupted": False})
    assert room.call_rpc("stranger", "receiver", CLEAR)["answer"] == "reject"
    assert room.call_rpc("stranger", "sender", PLAYBACK_FINISHED, finish)["answer"] == "reject"
    sender.expect_exit(0)
    receiver.expect_exit(0)
    assert not receiver.matching("cleared")
    checks.assert_same_frames(sender, receiver, 1, FRAMES, ("rgba", 320, 240))
    checks.assert_finishes(sender, [5.0])


@pytest.mark.parametrize("payload", ["{", '{"playback_position": -1, "interrupted": false}'], ids=["no-json", "negative"])
def test_bad_payload_of_the_right_caller(room, payload):
    sender = room.sender("c", segments=1, frames=30, size="16x16", finish_timeout=20)
    sender.wait_event(CONNECTED)
    answer = room.call_rpc("receiver", "sender", PLAYBACK_FINISHED, payload)
    assert answer.get("answer") != "ok", answer
    assert not sender.matching("playback_finished"), sender.report()
