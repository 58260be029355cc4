# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy on loopback that cuts and restores connections on command, and can end TLS.

Owns one event loop on a thread of its own. `cut` drops every connection and refuses new ones until `restore`. With a
certificate it speaks TLS to the client and plain TCP to the target: a `wss://` front for a `ws://` server.
"""

import asyncio
import contextlib
import socket
import ssl
import threading

READ_BYTES = 65536


class TcpProxy:
    """Use as a context manager; `port` is where clients connect."""

    def __init__(
        self, target_port: int, certificate: tuple[str, str] | None = None, listener: socket.socket | None = None
    ):
        """`listener` is where clients come in; by default a new port on 127.0.0.1."""
        self._socket = listener or socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._target_port = target_port
        self._tls = None
        if certificate:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*certificate)
        self._refusing = False
        self._live: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "TcpProxy":
        self._thread.start()
        self._listener = self._run(asyncio.start_server(self._serve, sock=self._socket, ssl=self._tls))
        return self

    def __exit__(self, *_) -> None:
        self._run(self._shut_down())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Drops every connection; new ones are dropped as they come."""
        self._run(self._set_refusing(True))

    def restore(self) -> None:
        """Lets new connections through again."""
        self._run(self._set_refusing(False))

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _set_refusing(self, refusing: bool) -> None:
        self._refusing = refusing
        if refusing:
            for writer in self._live:
                writer.transport.abort()

    async def _shut_down(self) -> None:
        self._listener.close()
        await self._set_refusing(True)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, onward_writer}
        self._live |= pair
        if self._refusing:
            await self._set_refusing(True)
        with contextlib.suppress(asyncio.CancelledError):  # shutting down; asyncio's streams would make noise of it
            await asyncio.gather(_pump(reader, onward_writer), _pump(onward_reader, writer))
        self._live -= pair


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(READ_BYTES):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # one side is gone: the other one is told below
    finally:
        writer.close()
