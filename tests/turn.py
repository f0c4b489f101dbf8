"""A real TURN server, coturn from Debian's packages, and just enough of a client."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from interview_platform.local.stores import free_port
from tests.live import wait_until

REALM = "example.com"

# RFC 8489 and RFC 8656: methods with their classes, and attributes.
BINDING, ALLOCATE = 0x0001, 0x0003
SUCCESS, FAILURE = 0x0100, 0x0110
USERNAME, MESSAGE_INTEGRITY, ERROR_CODE = 0x0006, 0x0008, 0x0009
REALM_NAME, NONCE, RELAYED_ADDRESS, TRANSPORT = 0x0014, 0x0015, 0x0016, 0x0019
COOKIE = 0x2112A442
UDP = bytes([17, 0, 0, 0])


@dataclass(frozen=True)
class Coturn:
    """A running server, which knows `secret` as its static-auth-secret."""

    port: int
    secret: str

    @property
    def url(self) -> str:
        return f"turn:127.0.0.1:{self.port}?transport=udp"

    def allocate(self, username: str, credential: str) -> int:
        """Ask for a relayed address; returns 200, or the code of the server's refusal."""
        with self._connect() as server:
            # Who comes without credentials is told what to sign them with.
            challenge = _ask(server, ALLOCATE, {TRANSPORT: UDP})
            signed = {
                TRANSPORT: UDP,
                USERNAME: username.encode(),
                REALM_NAME: challenge[REALM_NAME],
                NONCE: challenge[NONCE],
            }
            text = f"{username}:{challenge[REALM_NAME].decode()}:{credential}"
            answer = _ask(server, ALLOCATE, signed, hashlib.md5(text.encode()).digest())
        if ERROR_CODE in answer:
            return answer[ERROR_CODE][2] * 100 + answer[ERROR_CODE][3]
        assert RELAYED_ADDRESS in answer
        return 200

    def answers(self) -> bool:
        with self._connect() as server, suppress(OSError):
            _ask(server, BINDING, {})
            return True
        return False

    def _connect(self) -> socket.socket:
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.settimeout(1)
        server.connect(("127.0.0.1", self.port))
        return server


@contextmanager
def coturn(packages: Path, data: Path) -> Iterator[Coturn]:
    """Run a server for the time of a `with`, installed under `packages` if need be."""
    root = _install(packages)
    server = Coturn(free_port(), secrets.token_hex(16))
    command = [
        str(root / "usr/bin/turnserver"),
        *("-n", "--no-cli", "--no-tls", "--no-dtls", "--log-file", "stdout"),
        *("--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1"),
        *("--listening-port", str(server.port), "--realm", REALM),
        *("--use-auth-secret", "--static-auth-secret", server.secret),
        *("--userdb", str(data / "turndb"), "--pidfile", str(data / "pid")),
    ]
    libraries = os.pathsep.join(str(path) for path in root.glob("usr/lib/*-linux-gnu*"))
    with (data / "coturn.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env={**os.environ, "LD_LIBRARY_PATH": libraries},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: process.poll() is None and server.answers(), "coturn")
        yield server
    finally:
        process.kill()
        process.wait()


def _install(packages: Path) -> Path:
    """Return a directory that coturn is unpacked in, with what it needs and the system lacks."""
    if shutil.which("apt-get") is None:
        pytest.skip("coturn comes from Debian's packages, and there is no apt-get here")
    if not (packages / "done").exists():
        planned = _apt("install", "--simulate", "--no-install-recommends", "coturn", cwd=packages)
        names = re.findall(r"^Inst (\S+)", planned, re.MULTILINE) or ["coturn"]
        _apt("download", *names, cwd=packages)
        for package in packages.glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, packages], check=True)
        (packages / "done").touch()
    return packages


def _apt(*arguments: str, cwd: Path) -> str:
    command = ["apt-get", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode and os.geteuid() == 0:
        # A machine that has just been made knows no package yet.
        subprocess.run(["apt-get", "update"], check=True, capture_output=True)
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


def _ask(
    server: socket.socket, method: int, attributes: dict[int, bytes], key: bytes = b""
) -> dict[int, bytes]:
    """Send a request, signed where there is a `key`, and return the answer's attributes."""
    transaction = secrets.token_bytes(12)
    body = b"".join(_attribute(kind, value) for kind, value in attributes.items())
    if key:
        # The signature covers a head that counts the signature as well.
        signed = _head(method, len(body) + 24, transaction) + body
        body += _attribute(MESSAGE_INTEGRITY, hmac.digest(key, signed, "sha1"))
    server.send(_head(method, len(body), transaction) + body)
    answer = server.recv(2048)
    kind, size, cookie = struct.unpack_from("!HHI", answer)
    assert kind in (method | SUCCESS, method | FAILURE)
    assert (cookie, answer[8:20]) == (COOKIE, transaction)
    return dict(_attributes(answer[20 : 20 + size]))


def _head(method: int, size: int, transaction: bytes) -> bytes:
    return struct.pack("!HHI", method, size, COOKIE) + transaction


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def _attributes(body: bytes) -> Iterator[tuple[int, bytes]]:
    while body:
        kind, size = struct.unpack_from("!HH", body)
        yield kind, body[4 : 4 + size]
        body = body[4 + size + -size % 4 :]
