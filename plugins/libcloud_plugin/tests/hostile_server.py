"""A cloud on loopback that misbehaves on demand, over real sockets."""

from __future__ import annotations

import contextlib
import datetime as dt
import gzip
import ipaddress
import itertools
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

MEBIBYTE = 2**20
_LARGEST_HEAD = 2**16


class Peer:
    """One client's connection; ``requests`` holds the heads of its requests."""

    def __init__(self, line: socket.socket, server: HostileServer) -> None:
        self._line = line
        self._server = server
        self.request = b""

    def read(self) -> bool:
        """Read one request; return False at the end of the connection."""
        data = b""
        while b"\r\n\r\n" not in data and len(data) < _LARGEST_HEAD:
            part = self._line.recv(2**16)
            if not part:
                return False
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                left = int(line.split(b":")[1]) - len(body)
                while left > 0:
                    left -= len(self._line.recv(left)) or left
        self.request = head
        self._server.requests.append(head)
        return True

    def send(self, data: bytes) -> None:
        self._line.sendall(data)

    def drip(self, data: Iterable[int]) -> None:
        """Send one byte after the other, far apart, until the server stops."""
        for byte in data:
            if self._server.stopped.wait(self._server.pace):
                return
            self.send(bytes([byte]))

    def wait(self) -> None:
        """Wait until the server stops or the client disconnects."""
        self._line.settimeout(0.05)
        while not self._server.stopped.is_set():
            with contextlib.suppress(TimeoutError):
                if not self._line.recv(2**16):
                    return


Behaviour = Callable[[Peer], object]
"""Answers one request; the connection is closed when it returns True."""


class HostileServer:
    """A server that runs until it is closed.

    Args:
        behaviour: the function that answers; may be changed at any time.
        certificate: PEM file of certificate and key, for TLS.
        pace: seconds between the bytes of a slow answer.
    """

    def __init__(
        self, behaviour: Behaviour, *, certificate: Path | None = None, pace: float = 0.1
    ) -> None:
        self.behaviour = behaviour
        self.pace = pace
        self.stopped = threading.Event()
        self.requests: list[bytes] = []
        self._context: ssl.SSLContext | None = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listening.getsockname()[1]
        self.lines: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def close(self) -> None:
        """Close every connection and wait for the threads."""
        self.stopped.set()
        with contextlib.suppress(OSError):  # already closed
            self._listening.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listening.close()
        for line in list(self.lines):
            with contextlib.suppress(OSError):
                socket.socket.shutdown(line, socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join()

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                line, _ = self._listening.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(line,))
            self.lines.add(line)
            self._threads.add(thread)
            thread.start()

    def _serve(self, line: socket.socket) -> None:
        secure = line
        # The client disconnects in the middle of nearly every behaviour.
        with contextlib.suppress(OSError), contextlib.closing(line):
            if self._context is not None:
                secure = self._context.wrap_socket(line, server_side=True)
                self.lines.add(secure)  # The plain socket is empty from now on.
            with contextlib.closing(secure):
                peer = Peer(secure, self)
                while peer.read() and not self.behaviour(peer):
                    pass
        self.lines -= {line, secure}
        self._threads.discard(threading.current_thread())


def redirect(port: int, scheme: str = "http") -> Behaviour:
    """Redirect clients to another server of this machine."""
    return answer(302, headers=f"Location: {scheme}://127.0.0.1:{port}/x\r\n")


def answer(status: int, body: bytes = b"", kind: str = "text/html", headers: str = "") -> Behaviour:
    """Answer as an ordinary server does."""
    head = (
        f"HTTP/1.1 {status} Status\r\nContent-Type: {kind}\r\n{headers}"
        f"Content-Length: {len(body)}\r\n\r\n"
    )

    def behave(peer: Peer) -> None:
        peer.send(head.encode() + body)

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Answer each request with the next behaviour; the last one repeats."""
    turns = itertools.chain(behaviours, itertools.repeat(behaviours[-1]))

    def behave(peer: Peer) -> object:
        return next(turns)(peer)

    return behave


def silent(peer: Peer) -> bool:
    peer.wait()
    return True


def drip_headers(peer: Peer) -> bool:
    peer.send(b"HTTP/1.1 200 OK\r\nX-Long: ")
    peer.drip(itertools.repeat(ord("x"), 2**16))
    return True


def drip_body(peer: Peer) -> bool:
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n")
    peer.drip(itertools.repeat(ord(" "), 2**16))
    return True


def drip_body_without_length(peer: Peer) -> bool:
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{}")
    peer.drip(itertools.repeat(ord(" "), 2**16))
    return True


def cut_status(peer: Peer) -> bool:
    peer.send(b"HTTP/1.")
    return True


def cut_headers(peer: Peer) -> bool:
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Ty")
    return True


def cut_body(peer: Peer) -> bool:
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<half")
    return True


def cut_at_once(_: Peer) -> bool:
    return True


def stream(mebibytes: int) -> Behaviour:
    """Send this much in chunks, as fast as it is read."""
    part = b"100000\r\n" + b" " * MEBIBYTE + b"\r\n"

    def behave(peer: Peer) -> bool:
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(mebibytes):
            peer.send(part)
        peer.send(b"0\r\n\r\n")
        return True

    return behave


def announce(mebibytes: int) -> Behaviour:
    """Announce this much, and send none of it."""

    def behave(peer: Peer) -> bool:
        peer.send(f"HTTP/1.1 200 OK\r\nContent-Length: {mebibytes * MEBIBYTE}\r\n\r\n".encode())
        return silent(peer)

    return behave


@cache  # Packing takes most of a second, and every run of tests imports this module.
def packed(mebibytes: int) -> bytes:
    """Return a small body that unpacks to this much."""
    return gzip.compress(b" " * (mebibytes * MEBIBYTE), compresslevel=9)


def bomb(mebibytes: int) -> Behaviour:
    """Send a small body that unpacks to this much."""

    def behave(peer: Peer) -> object:
        return answer(200, packed(mebibytes), headers="Content-Encoding: gzip\r\n")(peer)

    return behave


def certificate(folder: Path) -> Path:
    """Make one PEM file with the key and a self-signed certificate of 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hostile")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = folder / "hostile.pem"
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file
