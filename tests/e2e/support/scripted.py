# SPDX-License-Identifier: Apache-2.0
"""A sender that ends its segments in every way that a sender can, on the official SDK: the rows of docs/wire.md's tables
of what the receiving application sees.

    python -m support.scripted sender --url U --token T --receiver ID --version 0|1 --rows ROW,ROW...

One segment a row, in their order; the next one begins when the receiver has finished the last. Events are those of hostile.py,
and `row` for what begins. After the last row it leaves; with the row `stays` it stays in the open segment.
"""

import argparse
import asyncio
from typing import NoReturn

from livekit import rtc

from . import nonsense, wire_v1
from .hostile import FRAME_BYTES, HELLO, PLAYBACK_STARTED, SESSION, VIDEO, Packets, Records, call
from .peer import PLAYBACK_FINISHED, connect, emit, perform, wait_active

FRAMES = 2
RESTARTED = "1" * 32


class Script:
    """What all rows have in common."""

    def __init__(self, room: rtc.Room, packets: Packets, options):
        self.room, self.packets, self.options = room, packets, options
        self.finished: asyncio.Queue = asyncio.Queue()
        self.session, self.segment, self.offset = SESSION, 0, 0
        room.local_participant.register_rpc_method(PLAYBACK_FINISHED, self.on_finished)
        room.local_participant.register_rpc_method(PLAYBACK_STARTED, self.on_started)

    async def on_finished(self, invocation: rtc.RpcInvocationData) -> str:
        self.finished.put_nowait(invocation.payload)
        return "ok"

    async def on_started(self, invocation: rtc.RpcInvocationData) -> str:
        return "ok"

    async def run(self) -> None:
        if self.options.version == 1:
            await self.hello(SESSION)
        for row in self.options.rows.split(","):
            emit("row", row=row)
            await getattr(self, row)()
            if row in ("leaves", "stays"):
                return
            await self.finished.get()

    async def hello(self, session: str) -> None:
        answer = wire_v1.read_answer(await call(self.room, self.options.receiver, HELLO, nonsense.hello(session)))
        emit("hello_answered", status=answer["status"])
        self.session, self.segment, self.offset = session, 0, 0

    async def open(self, frames: int = FRAMES) -> str:
        """Begins a segment and sends frames of it."""
        self.segment += 1
        stream = f"{self.session[:4]}-{self.segment}"
        if self.options.version == 0:
            await self.packets.header(stream, VIDEO)
            for number in range(frames):
                await self.packets.chunk(stream, number, bytes(FRAME_BYTES))
            return stream
        await self.packets.header(stream, VIDEO | {"lkv": 1, "session": self.session, "segment": self.segment})
        self.records = Records(self.packets, stream)
        self.records.offset = self.offset
        for number in range(frames):
            await self.records.good(number, bytes(FRAME_BYTES))
        self.offset = self.records.offset
        return stream

    async def end(self, stream: str, reason: str = "flush", frames: int = FRAMES) -> None:
        attributes = {"frames": frames, "offset": self.offset, "reason": reason} if self.options.version else {}
        await self.packets.trailer(stream, attributes)

    # ---- rows of both versions ----

    async def whole(self) -> None:
        await self.end(await self.open())

    async def empty(self) -> None:
        await self.end(await self.open(0), frames=0)

    async def reason(self) -> None:
        await self.packets.trailer(await self.open(), reason="gave up")

    async def no_trailer(self) -> None:
        await self.open()
        await self.whole()
        await self.finished.get()

    async def silent(self) -> None:
        await self.open()

    async def stays(self) -> None:
        await self.open()

    async def leaves(self) -> None:
        await self.open()
        await self.room.disconnect()

    # ---- of version 0 ----

    async def inside_a_frame(self) -> None:
        stream = await self.open()
        await self.packets.chunk(stream, FRAMES, bytes(FRAME_BYTES // 2))
        await self.end(stream)

    # ---- of version 1 ----

    async def abort(self) -> None:
        await self.end(await self.open(), "abort")

    async def without_attributes(self) -> None:
        await self.packets.trailer(await self.open())

    async def unfinished_frame(self) -> None:
        stream = await self.open()
        whole = wire_v1.write_chunks(nonsense.frame_header(FRAMES, self.offset), bytes(FRAME_BYTES))[0]
        await self.records.chunk(whole[:200])
        self.offset = self.records.offset
        await self.end(stream, frames=FRAMES + 1)

    async def other_size(self) -> None:
        stream = await self.open()
        header = nonsense.frame_header(FRAMES, self.offset) | {"width": 3, "height": 5, "type": 5, "size": 27}
        for content in wire_v1.write_chunks(header, bytes(27)):
            await self.records.chunk(content)
        self.offset = self.records.offset
        await self.end(stream, frames=FRAMES + 1)

    async def starts_anew(self) -> None:
        await self.open()
        await self.hello(RESTARTED)


async def run(options) -> bool:
    active: set[str] = set()
    gone = asyncio.Event()

    def watch(room: rtc.Room) -> None:
        room.on("participant_active", lambda who: active.add(who.identity))
        room.on("disconnected", lambda reason: gone.set())

    room = await connect(options, watch)
    emit("room_state", state="connected")
    await wait_active(room, active, options.receiver)
    await Script(room, Packets(room, options.receiver), options).run()
    await gone.wait()
    return True


def main() -> NoReturn:
    parser = argparse.ArgumentParser(description="a sender whose segments end in every way")
    parser.add_argument("role", choices=["sender"])
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--receiver", required=True)
    parser.add_argument("--version", type=int, required=True)
    parser.add_argument("--rows", required=True)
    perform(run(parser.parse_args()))


if __name__ == "__main__":
    main()
