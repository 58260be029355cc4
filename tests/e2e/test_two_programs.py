# SPDX-License-Identifier: Apache-2.0
"""Two processes of ours and a real server: every frame of every pixel type arrives, and each segment is finished."""

import zlib

import pytest

from support import checks, pixels, y4m
from support.room import CONNECTED

FRAMES = 150
SIZE = "640x480"
LANGUAGES = [("c", "c"), ("c", "cpp"), ("cpp", "c"), ("cpp", "cpp")]


def play(room, languages=("c", "c"), frames=FRAMES, fps=30, receiver_options=None, **options):
    """Two segments from a sender to a receiver; both must end well. Returns (sender, receiver)."""
    receiver = room.receiver(languages[1], segments=2, fps=fps, **(receiver_options or {}))
    sender = room.sender(languages[0], segments=2, frames=frames, fps=fps, **options)
    sender.expect_exit(0)
    receiver.expect_exit(0)
    assert checks.assert_segments_in_order(receiver) == ["FLUSHED", "FLUSHED"]
    checks.assert_finishes(sender, [frames / fps, 2 * frames / fps])
    assert [event["answer"] for event in receiver.matching("notified")] == ["ok", "ok"]
    return sender, receiver


@pytest.mark.parametrize("languages", LANGUAGES, ids="-to-".join)
def test_rgba(room, languages):
    sender, receiver = play(room, languages, size=SIZE, type="rgba")
    checks.assert_same_frames(sender, receiver, 2, FRAMES, ("rgba", 640, 480))
    checks.assert_finishes(sender, [5.0, 10.0])
    for sent, got in zip(sender.matching("sent"), receiver.matching("frame")):
        assert got["t_us"] >= sent["t_us"]


@pytest.mark.parametrize("name", ["i420", "nv12", "rgb24", "i010"])
def test_other_types(room, name):
    sender, receiver = play(room, size=SIZE, type=name)
    checks.assert_same_frames(sender, receiver, 2, FRAMES, (name, 640, 480))


@pytest.mark.parametrize("name", pixels.TYPES)
def test_odd_size(room, name):
    languages = LANGUAGES[pixels.TYPES[name] % len(LANGUAGES)]
    sender, receiver = play(room, languages, frames=20, fps=20, size="321x241", type=name)
    checks.assert_same_frames(sender, receiver, 2, 20, (name, 321, 241))


@pytest.mark.parametrize("size", ["1x1", "3x5"])
def test_tiny_size(room, size):
    sender, receiver = play(room, frames=10, fps=20, size=size, type="i420")
    checks.assert_same_frames(sender, receiver, 2, 10, ("i420", *map(int, size.split("x"))))


def test_y4m_input(room, tmp_path):
    stored = y4m.write_noise(tmp_path / "in.y4m", 640, 480, 30)
    saved = tmp_path / "out.y4m"
    sender, receiver = play(room, ("c", "cpp"), input=tmp_path / "in.y4m", type="i420", receiver_options={"save": saved})
    checks.assert_same_frames(sender, receiver, 2, FRAMES, ("i420", 640, 480))
    # The file is played over and over; what is sent is what it holds, and so is what has been saved.
    crcs = [zlib.crc32(frame) for frame in stored]
    expected = [crcs[number % len(crcs)] for number in range(2 * FRAMES)]
    assert [event["crc32"] for event in sender.matching("sent")] == expected
    assert [zlib.crc32(frame) for frame in y4m.read(saved, 640, 480)] == expected


def test_y4m_input_as_rgba(room, tmp_path):
    y4m.write_noise(tmp_path / "in.y4m", 640, 480, 30)
    sender, receiver = play(room, ("cpp", "c"), frames=60, input=tmp_path / "in.y4m", type="rgba")
    checks.assert_same_frames(sender, receiver, 2, 60, ("rgba", 640, 480))


def test_as_fast_as_it_goes(room):
    receiver = room.receiver("c", segments=2)
    sender = room.sender("c", segments=2, frames=FRAMES, fps=0, size="320x240", type="i420")
    sender.expect_exit(0)
    receiver.expect_exit(0)
    checks.assert_same_frames(sender, receiver, 2, FRAMES, ("i420", 320, 240))


def test_sender_waits_for_the_receiver(room):
    sender = room.sender("c", segments=1, frames=10, size="160x120")
    sender.wait_event(CONNECTED)
    receiver = room.receiver("cpp", segments=1)
    sender.expect_exit(0)
    receiver.expect_exit(0)
    checks.assert_same_frames(sender, receiver, 1, 10, ("rgba", 160, 120))


def test_png_each_second(room, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    play(room, frames=30, size="160x120", receiver_options={"save": pictures})
    saved = sorted(pictures.iterdir())
    assert len(saved) >= 2 and all(path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n") for path in saved)


@pytest.mark.parametrize("named", ["sender", None], ids=["given-sender", "first-agent"])
def test_video_before_the_news_of_its_sender(room, named):
    """A server tells those in the room up to 3 s late of who joins, unless the joiner makes itself known: who waits for any
    agent could not keep the video of so long."""
    receiver = room.receiver("c", sender=named, segments=1)
    sender = room.sender("c", segments=1, frames=FRAMES, size=SIZE)
    sender.expect_exit(0)
    receiver.expect_exit(0)
    checks.assert_same_frames(sender, receiver, 1, FRAMES, ("rgba", 640, 480))
