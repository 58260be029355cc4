# SPDX-License-Identifier: Apache-2.0
"""Frames over livekit-portal: RGB24, raw or as JPEG, from a robot to an operator.

Its publisher drops what it has no room for, and says how much; as fast as it goes is therefore: offered again until it
is taken. There is no end of a stream: the receiver ends when its standard input does.
"""

import asyncio
import os

from livekit import portal

import peer

TRACK = "camera"


def declare(config, wanted) -> None:
    codec = {"raw": portal.VideoCodec.RAW, "mjpeg": portal.VideoCodec.MJPEG}[wanted.codec]
    config.add_video(TRACK, codec=codec)


async def connect(side, wanted, identity: str) -> None:
    peer.emit("connecting", t_us=peer.now_us())
    await side.connect(os.environ["LIVEKIT_URL"], peer.token(wanted.room, identity, False))
    peer.emit("connected", t_us=peer.now_us())


async def send(wanted) -> None:
    config = portal.RobotConfig(wanted.room)
    declare(config, wanted)
    robot = portal.Robot(config)
    await connect(robot, wanted, "sender")
    frames = peer.prepared_pictures(wanted.width, wanted.height)
    numbers_are_pixels = wanted.codec == "raw"
    pace, dropped = peer.Pace(wanted), 0
    while not pace.over():
        await pace.wait()
        frame, at_us = frames[pace.sent % len(frames)], peer.now_us()
        if numbers_are_pixels:
            peer.stamp(frame, pace.sent, at_us)
        robot.send_video_frame(TRACK, bytes(frame), wanted.width, wanted.height, timestamp_us=at_us)
        refused = robot.metrics().transport.frames_dropped_publisher_full.get(TRACK, 0)
        if refused == dropped or wanted.fps:
            pace.sent += 1
        else:
            await asyncio.sleep(0.001)
        dropped = refused
    peer.emit("dropped", frames=dropped)
    pace.done()
    await peer.until_input_ends()
    await robot.disconnect()


async def receive(wanted) -> None:
    config = portal.OperatorConfig(wanted.room)
    declare(config, wanted)
    operator, arrivals = portal.Operator(config), peer.Arrivals()

    def on_frame(_, frame) -> None:
        at_us = peer.now_us()
        if len(frame.data) != wanted.width * wanted.height * 3:
            arrivals.broken += 1
        elif wanted.codec == "raw":
            arrivals.whole(frame.data, at_us)
        else:
            arrivals.report(arrivals.last + 1, frame.timestamp_us, at_us)

    operator.on_video_frame(TRACK, on_frame)
    await connect(operator, wanted, "receiver")
    await peer.until_input_ends()
    peer.emit("end", t_us=peer.now_us(), frames=arrivals.frames, broken=arrivals.broken)
    await operator.disconnect()


peer.run(send, receive)
