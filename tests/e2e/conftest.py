# SPDX-License-Identifier: Apache-2.0
"""One livekit-server for the suite, one room for each situation, and the end of everything in any case."""

import re

import pytest

from support.network import ShapedHost
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


@pytest.fixture
def link():
    """A far host behind a link that is good until the situation shapes it."""
    with ShapedHost() as host:
        yield host


@pytest.fixture
def near_server(tmp_path, link):
    """A server on the near side of the link."""
    server = Server(tmp_path / "livekit-server.log", media_ip=link.near_ip)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def far(link, near_server):
    """Options of programs that run on the far host and have nothing but the link."""
    with link.signalling(near_server.port) as url:
        yield {"prefix": link.prefix, "url": url}


@pytest.fixture
def linked_room(make_room, near_server):
    """The situation's room on that server."""
    return make_room(near_server)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Adds what everybody in the room did, and the server's last words, to a failure."""
    report = yield
    if report.failed:
        arguments = getattr(item, "funcargs", {}).values()
        for program in [program for room in arguments if isinstance(room, Room) for program in room.programs]:
            report.sections.append((program.name, program.report()))
        for server in [server for server in arguments if isinstance(server, Server)]:
            lines = server.log_path.read_text(errors="replace").splitlines()[-SERVER_LOG_LINES:]
            report.sections.append(("livekit-server", "\n".join(line[:SERVER_LOG_COLUMNS] for line in lines)))
    return report
