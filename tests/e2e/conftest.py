# SPDX-License-Identifier: Apache-2.0
"""One livekit-server for the suite, one room for each situation, and the end of everything in any case."""

import re

import pytest

from support.room import Room
from support.server import Server

SERVER_LOG_LINES = 30
SERVER_LOG_COLUMNS = 300


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The server that situations share."""
    server = Server(tmp_path_factory.mktemp("server") / "livekit-server.log")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def make_room(request):
    """Makes the situation's room on any server; its programs end with the situation."""
    rooms = []

    def make(server: Server) -> Room:
        room = Room(server, re.sub(r"[^A-Za-z0-9]+", "-", request.node.name).strip("-"))
        rooms.append(room)
        return room

    yield make
    for room in rooms:
        room.end()


@pytest.fixture
def room(server, make_room):
    """The situation's own room on the shared server."""
    return make_room(server)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds what everybody in the room did, and the server's last words, to a failure."""
    report = yield
    if report.failed:
        room, server = (getattr(item, "funcargs", {}).get(name) for name in ("room", "server"))
        for program in room.programs if room else []:
            report.sections.append((program.name, program.report()))
        if server:
            lines = server.log_path.read_text(errors="replace").splitlines()[-SERVER_LOG_LINES:]
            report.sections.append(("livekit-server", "\n".join(line[:SERVER_LOG_COLUMNS] for line in lines)))
    return report
