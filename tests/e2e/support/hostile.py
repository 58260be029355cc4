# SPDX-License-Identifier: Apache-2.0
"""A participant that means harm: stream packets, control messages and calls of any content, through the official SDK.

    python -m support.hostile stranger  --url U --token T --receiver ID --sender ID [--headers N]
    python -m support.hostile sender    --url U --token T --receiver ID --version 0|1 [--headers N]
    python -m support.hostile receiver  --url U --token T --sender ID

A stranger is nobody's peer and harms both. A sender is the one that the receiver listens to: after the harm it sends one
good segment. A receiver is the sender's destination: it takes the hello at last. Events are one JSON object a line on
stdout; `harmed` says what was sent of a kind, `answers` what calls were answered, `sent` are good frames. It stays until it
is ended. What the SDK's own writers would not send goes through its native library by `Packets`.
"""

import argparse
import asyncio
import json
import random
from typing import NoReturn

from livekit import rtc
from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto import ffi_pb2

from . import nonsense, wire_v1
from .peer import PLAYBACK_FINISHED, TOPIC, connect, emit, emit_frame, perform, wait_active

HELLO = "lk.video_hello"
PLAYBACK_STARTED = "lk.playback_started_video"
CLEAR = "lk.clear_buffer_video"
METHODS = [HELLO, CLEAR, PLAYBACK_STARTED, PLAYBACK_FINISHED]
CONTROL = "lk.video_control"
SESSION = "0123456789abcdef" * 2
SHAPE = ("rgba", 16, 8)
VIDEO = {"width": 16, "height": 8, "type": 0}
FRAME_BYTES = 512
CALL_LIMIT_S = 10
UNDER_WAY = 500  # packets that were given to the SDK and have not gone out
GOOD_FRAMES = 20


class Packets:
    """Sends stream packets as they are, in order. `identity`: in whose name; servers let agents speak for others."""

    def __init__(self, room: rtc.Room, destination: str):
        self._me = room.local_participant
        self._destination = destination
        self._acknowledged = asyncio.Event()
        self._under_way = 0
        self._queue = FfiClient.instance.queue.subscribe(filter_fn=lambda event: event.WhichOneof("message") in self._KINDS)
        self._reader = asyncio.create_task(self._read())

    _KINDS = ("send_stream_header", "send_stream_chunk", "send_stream_trailer")

    async def header(self, stream: str, attributes: dict, *, topic: str = TOPIC, identity: str | None = None, **fields) -> None:
        await self._send(self._header(stream, attributes, topic, identity, **fields))

    async def chunk(self, stream: str, index: int, content: bytes, *, identity: str | None = None) -> None:
        request = self._request("chunk", identity)
        chunk = request.send_stream_chunk.chunk
        chunk.stream_id, chunk.chunk_index, chunk.content = stream, index, content
        await self._send(request)

    async def trailer(self, stream: str, attributes: dict = {}, *, reason: str = "", identity: str | None = None) -> None:
        request = self._request("trailer", identity)
        trailer = request.send_stream_trailer.trailer
        trailer.stream_id, trailer.reason = stream, reason
        trailer.attributes.update({name: str(value) for name, value in attributes.items()})
        await self._send(request)

    async def flood(self, count: int, header) -> None:
        """Sends `count` headers, many at once and in any order; `header(number)` gives stream and attributes."""
        for number in range(count):
            while self._under_way >= UNDER_WAY:
                await self._wait()
            stream, attributes = header(number)
            self._give(self._header(stream, attributes, TOPIC, None))
        await self._drain()

    def _header(self, stream: str, attributes: dict, topic: str, identity: str | None, **fields) -> ffi_pb2.FfiRequest:
        request = self._request("header", identity)
        header = request.send_stream_header.header
        header.stream_id, header.topic, header.mime_type, header.timestamp = stream, topic, "application/octet-stream", 0
        header.byte_header.name = "VIDEO_1"
        header.attributes.update({name: str(value) for name, value in attributes.items()})
        for name, value in fields.items():
            setattr(header, name, value)
        return request

    def _request(self, kind: str, identity: str | None) -> ffi_pb2.FfiRequest:
        request = ffi_pb2.FfiRequest()
        part = getattr(request, f"send_stream_{kind}")
        part.local_participant_handle = self._me._ffi_handle.handle
        part.destination_identities.append(self._destination)
        part.sender_identity = identity or self._me.identity
        return request

    def _give(self, request: ffi_pb2.FfiRequest) -> None:
        self._under_way += 1
        FfiClient.instance.request(request)

    async def _send(self, request: ffi_pb2.FfiRequest) -> None:
        self._give(request)
        await self._drain()

    async def _drain(self) -> None:
        while self._under_way:
            await self._wait()

    async def _wait(self) -> None:
        self._acknowledged.clear()
        await self._acknowledged.wait()

    async def _read(self) -> None:
        while True:
            await self._queue.get()
            self._under_way -= 1
            self._acknowledged.set()


async def call(room: rtc.Room, destination: str, method: str, payload: str) -> str | int:
    """The answer, or the error's code."""
    try:
        return await room.local_participant.perform_rpc(
            destination_identity=destination, method=method, payload=payload, response_timeout=CALL_LIMIT_S
        )
    except rtc.RpcError as error:
        return error.code


async def call_with(room: rtc.Room, destination: str, methods: list[str], payloads: list[str]) -> None:
    """Calls each method with each payload, and says how often each answer came."""
    for method in methods:
        answers = await asyncio.gather(*(call(room, destination, method, payload) for payload in payloads))
        emit("answers", to=destination, method=method, calls=len(payloads), kinds=sorted(map(str, set(answers))))


async def say(room: rtc.Room, destination: str, messages: list[bytes]) -> None:
    """Control messages, on either channel in turn; the lossy one loses nothing on loopback."""
    for number, message in enumerate(messages):
        await room.local_participant.publish_data(
            message, reliable=number % 2 == 0, destination_identities=[destination], topic=CONTROL
        )
    emit("harmed", kind="control", to=destination, count=len(messages))


async def stranger(room: rtc.Room, options) -> None:
    """Harms a receiver and its sender, and is neither's peer."""
    packets = Packets(room, options.receiver)
    v0, v1 = VIDEO, VIDEO | {"lkv": 1, "session": SESSION, "segment": 1}
    await packets.flood(options.headers, lambda number: (f"s{number}", v1 if number % 2 else v0))
    emit("harmed", kind="headers", count=options.headers)

    for identity in (None, options.sender):
        await packets.header("mine", VIDEO, identity=identity)
        for index in range(10):
            await packets.chunk("mine", index, bytes(FRAME_BYTES), identity=identity)
        await packets.trailer("mine", identity=identity)
        for index in (0, 1, 2**53, 2**64 - 1):
            await packets.chunk("nobody's", index, bytes(FRAME_BYTES), identity=identity)
        await packets.trailer("nobody's", reason="none", identity=identity)
    emit("harmed", kind="streams", count=2)
    # What the SDKs themselves read.
    for number, topic in enumerate(("lk.rpc_request", "lk.rpc_response", "lk.chat", "")):
        for length in (0, 1, 2**63, 2**64 - 1):
            await packets.header(f"other-{number}-{length % 97}", {}, topic=topic, total_length=length)
            await packets.chunk(f"other-{number}-{length % 97}", 2**64 - 1, b"x" * 15000)

    for destination in (options.receiver, options.sender):
        await say(room, destination, nonsense.CONTROL + [wire_v1.write_control(message) for message in nonsense.FOREIGN])
        await call_with(room, destination, METHODS, nonsense.JSON)
    # As they should be, but for who calls.
    for destination in (options.receiver, options.sender):
        await call_with(room, destination, [CLEAR], ["", nonsense.clear(SESSION)])
        await call_with(room, destination, [PLAYBACK_STARTED], [nonsense.started(SESSION)])
        await call_with(room, destination, [PLAYBACK_FINISHED], [nonsense.finished(SESSION), nonsense.FINISHED_V0])
    await call_with(room, options.receiver, [HELLO], [nonsense.hello(SESSION)])


async def sender(room: rtc.Room, options) -> None:
    """Is listened to. Sends harm and then good video, of either version."""
    packets = Packets(room, options.receiver)
    await {0: send_v0, 1: send_v1}[options.version](room, packets, options)


async def send_v0(room: rtc.Room, packets: Packets, options) -> None:
    for number, attributes in enumerate(nonsense.ATTRIBUTES):
        await packets.header(f"bad-{number}", VIDEO | attributes)
        await packets.chunk(f"bad-{number}", 0, bytes(FRAME_BYTES))
        await packets.trailer(f"bad-{number}")
    emit("harmed", kind="attributes", count=len(nonsense.ATTRIBUTES))
    for number, attributes in enumerate(nonsense.LARGE):
        await packets.header(f"large-{number}", attributes)
    emit("harmed", kind="large", count=len(nonsense.LARGE))
    await packets.chunk("never", 0, bytes(FRAME_BYTES))
    await packets.trailer("never", {"reason": "x" * 10000})
    # A header's length is not looked at, whatever it says.
    for name, order in nonsense.ORDERS.items():
        await packets.header(name, VIDEO, total_length=2**64 - 1)
        for index in order:
            await packets.chunk(name, index, bytes(FRAME_BYTES))
        await packets.trailer(name)
        emit("harmed", kind=name, count=len(order))
    await call_with(room, options.receiver, METHODS, nonsense.JSON)
    await say(room, options.receiver, nonsense.CONTROL)
    await packets.header("good", VIDEO)
    for number, frame in enumerate(good_frames()):
        await packets.chunk("good", 2 * number, frame[:99])
        await packets.chunk("good", 2 * number + 1, frame[99:])
    await packets.trailer("good")
    # Segments without a frame, faster than the application takes the frames before them.
    await packets.flood(options.headers, lambda number: (f"h{number}", VIDEO))
    emit("harmed", kind="headers", count=options.headers)


async def send_v1(room: rtc.Room, packets: Packets, options) -> None:
    await call_with(room, options.receiver, METHODS, nonsense.JSON)
    answer = wire_v1.read_answer(await call(room, options.receiver, HELLO, nonsense.hello(SESSION)))
    emit("hello_answered", status=answer["status"], limit=answer["limit"])
    stream = {"lkv": 1, "session": SESSION, "segment": 1} | VIDEO
    for number, attributes in enumerate(nonsense.STREAMS):
        await packets.header(f"bad-{number}", stream | attributes)
    emit("harmed", kind="attributes", count=len(nonsense.STREAMS))
    foreign = [{"session": "f" * 32}, {"label": "other"}, {"resume_from": 5}]
    for number, attributes in enumerate(foreign):
        await packets.header(f"foreign-{number}", stream | attributes)
    emit("harmed", kind="foreign", count=len(foreign))
    await say(room, options.receiver, nonsense.CONTROL)

    writer = Records(packets, "records")
    await packets.header("records", stream)
    frames = list(good_frames())
    await writer.good(0, frames[0])
    await say(room, options.receiver, [wire_v1.write_control(message) for message in nonsense.lies(SESSION)])
    for content in nonsense.CHUNKS:
        await writer.chunk(content)
    for wrong in nonsense.HEADERS:
        await writer.chunk(nonsense.record(nonsense.frame_header(2, writer.offset), **wrong))
    emit("harmed", kind="records", count=len(nonsense.CHUNKS) + len(nonsense.HEADERS))
    await writer.good(2, frames[2])
    # Begun and broken off by the next; gone on with after its end; one that is repeated, and one that comes late.
    await writer.chunk(wire_v1.write_chunks(nonsense.frame_header(3, writer.offset), bytes(FRAME_BYTES))[0][:300])
    await writer.good(4, frames[4])
    await writer.chunk(b"\0surplus")
    await packets.chunk("records", 0, b"again")
    writer.next += 2
    for number in range(6, GOOD_FRAMES):
        await writer.good(number, frames[number])
    await packets.trailer("records", {"frames": GOOD_FRAMES, "offset": writer.offset, "reason": "flush"})

    # More than was granted ends a segment; the next one, of a new life, is good.
    await packets.header("beyond", stream | {"segment": 2})
    await packets.chunk("beyond", 0, wire_v1.write_chunks(nonsense.frame_header(0, 2**50), bytes(FRAME_BYTES))[0])
    life = "0" * 32
    await call(room, options.receiver, HELLO, nonsense.hello(life))
    await packets.header("good", stream | {"session": life})
    writer = Records(packets, "good")
    for number, frame in enumerate(good_frames()):
        await writer.good(number, frame)
    await packets.trailer("good", {"frames": GOOD_FRAMES, "offset": writer.offset, "reason": "flush"})


async def receiver(room: rtc.Room, options) -> None:
    """Is the destination. Answers hellos with nonsense, takes one at last, harms the sender, finishes its one segment."""
    # After the third the sender would speak version 0.
    answers = iter(["[" * 10000, json.dumps({"version": 1, "status": "ok", "limit": -1})])
    readers: asyncio.Queue = asyncio.Queue()
    session = None

    async def on_hello(invocation: rtc.RpcInvocationData) -> str:
        nonlocal session
        hello = wire_v1.read_hello(invocation.payload)
        session = hello["session"]
        ok = {"version": 1, "status": "ok", "receiver": SESSION, "codecs": hello["codecs"], "types": [0], "features": []}
        return next(answers, wire_v1.write_json(ok | {"max_frame": 2**26, "limit": 2**40, "open": []}))

    async def on_other(invocation: rtc.RpcInvocationData) -> str:
        return "nonsense"

    room.local_participant.register_rpc_method(HELLO, on_hello)
    room.local_participant.register_rpc_method(CLEAR, on_other)
    room.register_byte_stream_handler(TOPIC, lambda reader, identity: readers.put_nowait(reader))
    # Hellos before the handler was there were answered by the SDK, as by a peer of version 0.
    await say(room, options.sender, [wire_v1.write_control({"ready": {"receiver": SESSION}})])
    reader = await readers.get()
    assembler, index = wire_v1.Assembler(2**26, ["raw"]), 0
    async for content in reader:
        frame = assembler.push(index, content)
        index += 1
        if frame:
            emit_frame("frame", 1, frame["number"], SHAPE, bytes.fromhex(frame["payload"]))
        if index == 1:
            await call_with(room, options.sender, METHODS, nonsense.JSON)
            await say(room, options.sender, nonsense.CONTROL)
            await say(room, options.sender, [wire_v1.write_control(message) for message in nonsense.receiver_lies(session)])
            unknown = [nonsense.finished(SESSION), nonsense.finished(session, 99), nonsense.FINISHED_V0]
            await call_with(room, options.sender, [PLAYBACK_FINISHED], unknown)
            await call_with(room, options.sender, [PLAYBACK_STARTED], [nonsense.started(SESSION), nonsense.started(session, 99)])
    for _ in range(2):
        await call_with(room, options.sender, [PLAYBACK_FINISHED], [nonsense.finished(session)])


class Records:
    """Writes chunks of version 1 and counts them."""

    def __init__(self, packets: Packets, stream: str):
        self.packets, self.stream, self.next, self.offset = packets, stream, 0, 0

    async def chunk(self, content: bytes) -> None:
        await self.packets.chunk(self.stream, self.next, content)
        self.next += 1
        self.offset += len(content)

    async def good(self, number: int, pixels: bytes) -> None:
        for content in wire_v1.write_chunks(nonsense.frame_header(number, self.offset), pixels):
            await self.chunk(content)


def good_frames():
    """Frames that are as they should be, and their `sent` events."""
    for number in range(GOOD_FRAMES):
        frame = random.Random(number).randbytes(FRAME_BYTES)
        emit_frame("sent", 1, number, SHAPE, frame)
        yield frame


async def main_of(options) -> bool:
    active: set[str] = set()
    gone = asyncio.Event()

    def watch(room: rtc.Room) -> None:
        room.on("participant_active", lambda who: active.add(who.identity))
        room.on("disconnected", lambda reason: gone.set())

    room = await connect(options, watch)
    emit("room_state", state="connected")
    for identity in filter(None, (options.receiver, options.sender)):
        await wait_active(room, active, identity)
    await {"stranger": stranger, "sender": sender, "receiver": receiver}[options.role](room, options)
    emit("done")
    await gone.wait()
    return True


def main() -> NoReturn:
    parser = argparse.ArgumentParser(description="a participant that means harm")
    parser.add_argument("role", choices=["stranger", "sender", "receiver"])
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--receiver")
    parser.add_argument("--sender")
    parser.add_argument("--version", type=int, default=0)
    parser.add_argument("--headers", type=int, default=0)
    perform(main_of(parser.parse_args()))


if __name__ == "__main__":
    main()
