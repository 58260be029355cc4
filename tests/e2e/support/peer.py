# SPDX-License-Identifier: Apache-2.0
"""A peer on the official LiveKit SDK, written from wire.md (v0) and from nothing of ours.

    python -m support.peer send    --url U --token T --destination ID [--segments N --frames N --size WxH --type NAME ...]
    python -m support.peer receive --url U --token T --sender ID [--segments N --fps N]
    python -m support.peer call    --url U --token T --destination ID --method M --payload P
    python -m support.peer join    --url U --token T        (stays in the room until it is ended)

Options and events (one JSON object a line on stdout) are those of the example programs, so that a situation can put
either on either side. Exit status 0: everything expected happened.
"""

import argparse
import asyncio
import json
import os
import random
import sys
import time
import traceback
import zlib
from collections.abc import Coroutine
from typing import NoReturn

from livekit import rtc

from . import pixels

TOPIC = "lk.video_stream"
CLEAR = "lk.clear_buffer_video"
PLAYBACK_FINISHED = "lk.playback_finished_video"
FINISH_LIMIT_S = 30
RPC_LIMIT_S = 10


def emit(event: str, **fields) -> None:
    """Writes one event line."""
    print(json.dumps({"event": event, **fields}), flush=True)


def emit_frame(event: str, segment: int, number: int, shape: tuple, data: bytes) -> None:
    """Writes a `sent` or `frame` line."""
    name, width, height = shape
    emit(
        event,
        segment=segment,
        number=number,
        width=width,
        height=height,
        type=pixels.TYPES[name],
        bytes=len(data),
        crc32=zlib.crc32(data),
        t_us=time.time_ns() // 1000,
    )


async def connect(options, prepare=lambda room: None) -> rtc.Room:
    """Joins the room; `prepare` registers handlers that must miss nothing."""
    room = rtc.Room()
    room.on("reconnecting", lambda: emit("room_state", state="reconnecting"))
    room.on("reconnected", lambda: emit("room_state", state="connected"))
    room.on("disconnected", lambda reason: emit("room_state", state="disconnected", reason=str(reason)))
    room.on("participant_connected", lambda who: emit("participant_joined", identity=who.identity, kind=who.kind))
    room.on("participant_disconnected", lambda who: emit("participant_left", identity=who.identity))
    prepare(room)
    await room.connect(options.url, options.token, rtc.RoomOptions(auto_subscribe=False))
    return room


async def wait_active(room: rtc.Room, active: set, identity: str) -> None:
    """Returns once `identity` is in the room and can receive data."""
    while not (identity in active or is_active(room, identity)):
        await asyncio.sleep(0.02)


def is_active(room: rtc.Room, identity: str) -> bool:
    """Whether `identity` was active already when we joined."""
    who = room.remote_participants.get(identity)
    return who is not None and who.state == rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE


class Sender:
    """One v0 output: a byte stream a segment, the clear call, and the playback-finished answers."""

    def __init__(self, options):
        self.options = options
        self.shape = (options.type, *map(int, options.size.split("x")))
        self.active: set[str] = set()
        self.finished = asyncio.Semaphore(0)
        self.destination_left = asyncio.Event()

    async def run(self) -> bool:
        options = self.options
        room = await connect(options, self.watch)
        room.local_participant.register_rpc_method(PLAYBACK_FINISHED, self.on_playback_finished)
        emit("room_state", state="connected")
        await wait_active(room, self.active, options.destination)
        for segment in range(1, options.segments + 1):
            await self.send_segment(room, segment)
            # One finish a segment, awaited here: this peer plays the patient sender.
            await asyncio.wait_for(self.finished.acquire(), FINISH_LIMIT_S)
        # A disconnect drops what is not delivered yet, and that may be the answer to the last finish.
        await asyncio.wait_for(self.destination_left.wait(), FINISH_LIMIT_S)
        await room.disconnect()
        return True

    def watch(self, room: rtc.Room) -> None:
        """Follows who can receive data and who leaves."""
        room.on("participant_active", lambda who: self.active.add(who.identity))
        room.on("participant_disconnected", lambda who: who.identity == self.options.destination and self.destination_left.set())

    async def send_segment(self, room: rtc.Room, segment: int) -> None:
        options, (name, width, height) = self.options, self.shape
        pixels_of = random.Random(segment)
        writer = await room.local_participant.stream_bytes(
            name=f"VIDEO_{segment}",
            topic=TOPIC,
            destination_identities=[options.destination],
            attributes={"width": str(width), "height": str(height), "type": str(pixels.TYPES[name])},
        )
        start = time.monotonic()
        for number in range(options.frames):
            if options.fps:
                await asyncio.sleep(max(0.0, start + number / options.fps - time.monotonic()))
            data = pixels_of.randbytes(pixels.frame_bytes(name, width, height))
            emit_frame("sent", segment, number, self.shape, data)
            for at in range(0, len(data), options.write_bytes or len(data)):
                await writer.write(data[at : at + (options.write_bytes or len(data))])
            if segment == 1 and number + 1 == options.clear_after:
                answer = await room.local_participant.perform_rpc(
                    destination_identity=options.destination, method=CLEAR, payload="", response_timeout=RPC_LIMIT_S
                )
                emit("clear_answered", answer=answer)
                break
        await writer.aclose()

    async def on_playback_finished(self, call: rtc.RpcInvocationData) -> str:
        if call.caller_identity != self.options.destination:
            return "reject"
        message = json.loads(call.payload)
        if set(message) != {"playback_position", "interrupted"}:
            raise rtc.RpcError(1500, f"unexpected keys: {call.payload}")
        emit("playback_finished", position=message["playback_position"], interrupted=message["interrupted"])
        self.finished.release()
        return "ok"


class Receiver:
    """One v0 receiver: cuts frames by their size, answers the clear call, notifies after each segment."""

    def __init__(self, options):
        self.options = options
        self.frames_so_far = 0
        self.segment = 0
        self.clear = asyncio.Event()
        self.streams: asyncio.Queue = asyncio.Queue()

    async def run(self) -> bool:
        room = await connect(self.options, lambda room: room.register_byte_stream_handler(TOPIC, self.on_stream))
        room.local_participant.register_rpc_method(CLEAR, self.on_clear)
        emit("room_state", state="connected")
        answers = []
        while self.segment < self.options.segments:
            cause = await self.receive_segment(await self.streams.get())
            answers.append(await self.notify(room, interrupted=cause != "FLUSHED"))
        await room.disconnect()
        return answers == ["ok"] * self.options.segments

    def on_stream(self, reader: rtc.ByteStreamReader, identity: str) -> None:
        if identity == self.options.sender:
            self.clear.clear()
            self.streams.put_nowait(reader)
        else:
            reader.close()

    async def on_clear(self, call: rtc.RpcInvocationData) -> str:
        if call.caller_identity != self.options.sender:
            return "reject"
        emit("cleared")
        self.clear.set()
        return "ok"

    async def receive_segment(self, reader: rtc.ByteStreamReader) -> str:
        attributes = reader.info.attributes or {}
        width, height = int(attributes.get("width", 640)), int(attributes.get("height", 480))
        name = pixels.name_of(int(attributes.get("type", 0)))
        size = pixels.frame_bytes(name, width, height)
        self.segment += 1
        emit("segment_start", segment=self.segment, width=width, height=height, type=pixels.TYPES[name])
        pending, number = bytearray(), 0
        async for chunk in reader:
            if self.clear.is_set():
                continue  # what is still on its way belongs to the cleared segment
            pending += chunk
            while len(pending) >= size:
                emit_frame("frame", self.segment, number, (name, width, height), bytes(pending[:size]))
                del pending[:size]
                number += 1
        cause = "CLEARED" if self.clear.is_set() else "TRUNCATED" if pending else "FLUSHED"
        self.frames_so_far += number
        emit("segment_end", segment=self.segment, frames=number, cause=cause)
        return cause

    async def notify(self, room: rtc.Room, interrupted: bool) -> str:
        position = self.frames_so_far / self.options.fps
        answer = await room.local_participant.perform_rpc(
            destination_identity=self.options.sender,
            method=PLAYBACK_FINISHED,
            payload=json.dumps({"playback_position": position, "interrupted": interrupted}),
            response_timeout=RPC_LIMIT_S,
        )
        emit("notified", answer=answer)
        return answer


async def call(options) -> bool:
    """Calls one RPC method once and reports the answer."""
    active: set[str] = set()
    room = await connect(options, lambda room: room.on("participant_active", lambda who: active.add(who.identity)))
    await wait_active(room, active, options.destination)
    try:
        answer = await room.local_participant.perform_rpc(
            destination_identity=options.destination,
            method=options.method,
            payload=options.payload,
            response_timeout=RPC_LIMIT_S,
        )
        emit("rpc_answer", answer=answer)
    except rtc.RpcError as error:
        emit("rpc_answer", code=error.code, error=error.message)
    await room.disconnect()
    return True


async def join(options) -> bool:
    """Stays in the room until the room or the suite ends it."""
    gone = asyncio.Event()
    await connect(options, lambda room: room.on("disconnected", lambda reason: gone.set()))
    emit("room_state", state="connected")
    await gone.wait()
    return True


def perform(work: Coroutine) -> NoReturn:
    """Runs what a program of the tests is for, and leaves: with 0 if that says that all went well."""
    status = 1
    try:
        status = 0 if asyncio.run(work) else 1
    except Exception as error:  # one clear line for the situation, whatever went wrong
        emit("error", message=f"{type(error).__name__}: {error}")
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    # The SDK's native threads may call into an interpreter that is being torn down and abort it: leave without that.
    os._exit(status)


def main() -> NoReturn:
    parser = argparse.ArgumentParser(description="a v0 peer on the official LiveKit SDK")
    parser.add_argument("role", choices=["send", "receive", "call", "join"])
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--destination")
    parser.add_argument("--sender")
    parser.add_argument("--segments", type=int, default=2)
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--fps", type=float, default=30)
    parser.add_argument("--size", default="160x120")
    parser.add_argument("--type", default="rgba", choices=list(pixels.TYPES))
    parser.add_argument("--clear-after", type=int)
    parser.add_argument("--write-bytes", type=int, help="bytes a write call; default: a whole frame")
    parser.add_argument("--method")
    parser.add_argument("--payload", default="")
    options = parser.parse_args()
    work = {"send": Sender.run, "receive": Receiver.run, "call": call, "join": join}[options.role]
    part = {"send": Sender, "receive": Receiver}.get(options.role, lambda options: options)(options)
    perform(work(part))


if __name__ == "__main__":
    main()
