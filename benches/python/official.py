# SPDX-License-Identifier: Apache-2.0
"""Frames over the official Python SDK in the pattern of its own video-stream examples: a byte stream a segment, each
frame written as it is. The receiver cuts what comes by the size of a frame, so that chunks of any size are right.
"""

import asyncio
import os

from livekit import rtc

import peer

TOPIC = "lk.video_stream"


async def connect(wanted, identity: str, agent: bool, prepare) -> rtc.Room:
    room = rtc.Room()
    prepare(room)
    peer.emit("connecting", t_us=peer.now_us())
    token = peer.token(wanted.room, identity, agent)
    await room.connect(os.environ["LIVEKIT_URL"], token, rtc.RoomOptions(auto_subscribe=False))
    peer.emit("connected", t_us=peer.now_us())
    return room


async def send(wanted) -> None:
    active = asyncio.Event()
    room = await connect(
        wanted, "sender", True, lambda room: room.on("participant_active", lambda who: who.identity == "receiver" and active.set())
    )
    receiver = room.remote_participants.get("receiver")
    if receiver is None or receiver.state != rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE:
        await active.wait()
    frames = peer.prepared_bytes(wanted.frame_bytes)
    writer = await room.local_participant.stream_bytes(
        name="VIDEO_1",
        topic=TOPIC,
        destination_identities=["receiver"],
        attributes={"width": str(wanted.width), "height": str(wanted.height), "type": str(wanted.number)},
    )
    pace = peer.Pace(wanted)
    while not pace.over():
        await pace.wait()
        frame = frames[pace.sent % len(frames)]
        peer.stamp(frame, pace.sent, peer.now_us())
        await writer.write(bytes(frame))
        pace.sent += 1
    await writer.aclose()
    pace.done()
    await peer.until_input_ends()
    await room.disconnect()


async def receive(wanted) -> None:
    arrivals, readers = peer.Arrivals(), asyncio.Queue()
    room = await connect(
        wanted,
        "receiver",
        False,
        lambda room: room.register_byte_stream_handler(TOPIC, lambda reader, _: readers.put_nowait(reader)),
    )

    async def read() -> None:
        reader, pending = await readers.get(), bytearray()
        async for chunk in reader:
            pending += chunk
            while len(pending) >= wanted.frame_bytes:
                at_us = peer.now_us()
                arrivals.whole(pending[: wanted.frame_bytes], at_us)
                del pending[: wanted.frame_bytes]
        peer.emit("end", t_us=peer.now_us(), frames=arrivals.frames, broken=arrivals.broken + bool(pending))

    reading = asyncio.create_task(read())
    await peer.until_input_ends()
    reading.cancel()
    await room.disconnect()


peer.run(send, receive)
