"""Broadcasting: rooms over several processes, and a Redis that comes and goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from queue import Queue
from threading import Thread
from typing import Any, Self

import orjson
import pytest
from redis import Redis

from interview_platform.core import broadcast, pubsub, redis
from interview_platform.core.broadcast import Broadcaster, Message
from interview_platform.core.errors import Invalid
from interview_platform.local.stores import EmbeddedRedis
from tests.live import ROOT, kill, wait_until
from tests.realtime.holding import HoldingProxy

TIMEOUT = 20.0


class Peer:
    """Another process on the same Redis."""

    def __init__(self, redis_url: str, how: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.realtime.broadcast_peer", redis_url, how],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._lines: dict[str, Queue[Any]] = {"returned": Queue(), "said": Queue(), "told": Queue()}
        self._rooms: Counter[str] = Counter()
        self._reader = Thread(target=self._read)
        self._reader.start()
        assert self._returned() is True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=TIMEOUT)
        self._reader.join(TIMEOUT)

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of the process's Broadcaster."""
        assert self._process.stdin
        self._process.stdin.write(orjson.dumps([method, *arguments]) + b"\n")
        self._process.stdin.flush()
        if method in ("subscribe", "unsubscribe"):
            count = self._rooms.update if method == "subscribe" else self._rooms.subtract
            count(arguments)
        return self._returned()

    def forget(self) -> None:
        """Make it as good as new."""
        for room in list(self._rooms.elements()):
            self.call("unsubscribe", room)
        for lines in self._lines.values():
            while not lines.empty():
                lines.get()

    def said(self, count: int) -> list[Any]:
        """Return the next `count` messages that were said in its rooms."""
        return [self._lines["said"].get(timeout=TIMEOUT) for _ in range(count)]

    def told(self) -> Any:
        """Return the next announcement's data."""
        return self._lines["told"].get(timeout=TIMEOUT)

    def heard_nothing_else(self) -> bool:
        return self._lines["said"].empty() and self._lines["told"].empty()

    def _returned(self) -> Any:
        return self._lines["returned"].get(timeout=TIMEOUT)

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            for kind, value in orjson.loads(line).items():
                self._lines[kind].put(value)


@pytest.fixture(scope="module")
def url(redis_url: str) -> str:
    """The address of the Redis that the tests share."""
    return f"{redis_url}/0"


@pytest.fixture(scope="module", params=["threads", "gevent"])
def how(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def shared_peer(url: str, how: str) -> Iterator[Peer]:
    with Peer(url, how) as peer:
        yield peer


@pytest.fixture
def peer(shared_peer: Peer) -> Iterator[Peer]:
    yield shared_peer
    shared_peer.forget()


@pytest.fixture
def heard() -> list[Message]:
    """What was said in this process's rooms."""
    return []


@pytest.fixture
def broadcaster(url: str, heard: list[Message]) -> Iterator[Broadcaster]:
    with closing(Broadcaster(url)) as broadcaster:
        broadcaster.deliver_to(heard.append)
        yield broadcaster


@pytest.fixture
def redis_client(url: str) -> Iterator[Redis]:
    with redis.connect(url) as client:
        yield client


def test_a_room_hears_everything_in_order_from_the_moment_it_is_subscribed(
    broadcaster: Broadcaster, peer: Peer, heard: list[Message]
) -> None:
    assert peer.call("subscribe", "here", "too") is True
    for number in range(500):
        broadcaster.publish(("here", "elsewhere", "too")[number % 3], "count", number)
    assert [message.data for message in heard] == list(range(500))
    assert all(message.own for message in heard)
    expected = [
        [("here", "", "too")[number % 3], "count", number, None]
        for number in range(500)
        if number % 3 != 1
    ]
    assert peer.said(len(expected)) == expected

    assert broadcaster.subscribe("here") is True
    heard.clear()
    peer.call("publish", "here", "first", None, "a-socket")
    for number in range(200):
        peer.call("publish", "here", "count", number)
    wait_until(lambda: len(heard) == 201, "hearing the peer")
    assert heard[0] == Message("here", "first", None, "a-socket", own=False)
    assert [message.data for message in heard[1:]] == list(range(200))
    assert len(peer.said(201)) == 201
    assert peer.heard_nothing_else()
    assert broadcaster.published == 500
    assert broadcaster.received == 201
    assert broadcaster.dropped == 0


def test_a_room_that_nobody_else_hears_is_left_out_until_somebody_does(
    broadcaster: Broadcaster, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "QUIET", 3600.0)
    # Whoever hears announcements hears who hears what.
    assert broadcaster.on("anything", print)

    def is_published(data: str) -> bool:
        before = broadcaster.published
        broadcaster.publish("room", "said", data)
        return broadcaster.published > before

    wait_until(lambda: not is_published("to nobody"), "that nobody hears it")
    assert peer.call("subscribe", "room") is True
    wait_until(lambda: is_published("to somebody"), "that somebody does")
    assert is_published("to them")
    assert peer.said(2) == [["room", "said", f"to {who}", None] for who in ("somebody", "them")]


def test_who_comes_while_others_are_counted_is_not_left_out(
    url: str, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "QUIET", 3600.0)
    with HoldingProxy(url) as network, closing(Broadcaster(network.url)) as broadcaster:
        assert broadcaster.on("anything", print)
        network.hold("room")
        broadcaster.publish("room", "said", "to nobody")
        assert network.holds.wait(TIMEOUT)
        assert peer.call("subscribe", "room", "fence") is True
        wait_until(lambda: broadcaster.received > 0, "that somebody hears it")
        network.release()
        # Counted after what was said before it.
        broadcaster.publish("fence", "said", None)
        assert peer.said(1) == [["fence", "said", None, None]]
        broadcaster.publish("room", "said", "to somebody")
        assert peer.said(1) == [["room", "said", "to somebody", None]]


def test_data_arrives_as_it_was(broadcaster: Broadcaster, peer: Peer) -> None:
    peer.call("subscribe", "room")
    text: dict[str, Any] = {
        "text": "žluťoučký\n🐎",
        "list": [1, -2.5, None, True],
        "": {"null": None},
    }
    parts: dict[str, Any] = {
        "update": bytes(range(256)),
        "deep": [{"a": b"\n\n"}, "x", (b"", bytearray(b"1"))],
        "like a part": {"_placeholder": True, "num": 0},
        "null": None,
    }
    sent: list[Any] = [text, parts, b"alone\n", [], "text"]
    for data in sent:
        broadcaster.publish("room", "event", data, skip="socket")
    got_text, got_parts, alone, empty, plain = peer.said(5)
    assert got_text == ["room", "event", text, "socket"]
    assert got_parts[2] == {
        "update": {"hex": bytes(range(256)).hex()},
        "deep": [{"a": {"hex": "0a0a"}}, "x", [{"hex": ""}, {"hex": "31"}]],
        "like a part": {"_placeholder": True, "num": 0},
        "null": None,
    }
    assert [alone[2], empty[2], plain[2]] == [{"hex": b"alone\n".hex()}, [], "text"]


@pytest.mark.parametrize("data", [{1, 2}, 2**64, "\ud800", {"nested": [object()]}])
def test_what_json_cannot_say_is_refused(
    broadcaster: Broadcaster, heard: list[Message], data: object
) -> None:
    with pytest.raises(Invalid):
        broadcaster.publish("room", "event", data)
    with pytest.raises(Invalid):
        broadcaster.announce("topic", data)
    assert heard == []


def test_a_room_is_heard_until_it_is_unsubscribed_as_often(
    broadcaster: Broadcaster, peer: Peer
) -> None:
    def hears(room: str) -> bool:
        broadcaster.publish(room, "probe", None)
        broadcaster.publish("fence", "fence", None)
        rooms = [message[0] for message in peer.said(1)]
        if rooms == [room]:
            rooms += [message[0] for message in peer.said(1)]
        return rooms == [room, "fence"]

    assert peer.call("subscribe", "fence") is True
    assert not hears("room")
    assert peer.call("subscribe", "room", "room") is True
    assert hears("room")
    peer.call("unsubscribe", "room")
    assert hears("room")
    # Nobody waits for an unsubscription to be confirmed.
    peer.call("unsubscribe", "room")
    wait_until(lambda: not hears("room"), "silence")
    for _ in range(20):
        assert peer.call("subscribe", "room") is True
        assert hears("room")
        peer.call("unsubscribe", "room")
    wait_until(lambda: not hears("room"), "silence")


def test_many_subscribe_at_once(broadcaster: Broadcaster, peer: Peer, heard: list[Message]) -> None:
    rooms = [f"room {number}" for number in range(1200)]
    confirmed: list[bool] = []
    threads = [
        Thread(target=lambda part: confirmed.append(broadcaster.subscribe(*part)), args=(part,))
        for part in (rooms[:600], rooms[300:900], rooms[600:])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert confirmed == [True] * 3
    for room in rooms[::100]:
        peer.call("publish", room, "event", None)
    wait_until(lambda: [message.room for message in heard] == rooms[::100], "hearing every room")


def test_announcements_reach_every_process(broadcaster: Broadcaster, peer: Peer) -> None:
    told: list[Any] = []

    def fail(_: Any) -> None:
        raise LookupError

    for handler in (fail, told.append):
        assert broadcaster.on("topic", handler) is True
    broadcaster.announce("topic", {"user": "1"})
    assert told == [{"user": "1"}]
    assert peer.told() == {"user": "1"}
    peer.call("announce", "other", {})
    peer.call("announce", "topic", {"user": "2"})
    wait_until(lambda: told == [{"user": "1"}, {"user": "2"}], "being told")


def test_a_failing_delivery_stops_nothing(broadcaster: Broadcaster, peer: Peer) -> None:
    peer.call("subscribe", "room")

    def fail(message: Message) -> None:
        raise LookupError(message.event)

    broadcaster.deliver_to(fail)
    for event in ("one", "break", "two"):
        broadcaster.publish("room", event, None)
    assert [message[1] for message in peer.said(2)] == ["one", "two"]


def test_what_is_sent_again_is_heard_once(
    broadcaster: Broadcaster, peer: Peer, redis_client: Redis
) -> None:
    peer.call("subscribe", "room")
    with redis_client.pubsub() as wire:  # type: ignore[no-untyped-call]
        wire.psubscribe("*:room:room")
        assert wire.get_message(timeout=TIMEOUT)
        broadcaster.publish("room", "one", None)
        seen = wire.get_message(timeout=TIMEOUT)
        assert seen
        assert redis_client.publish(seen["channel"], seen["data"]) == 2
    broadcaster.publish("room", "two", None)
    assert [message[1] for message in peer.said(2)] == ["one", "two"]


def test_databases_of_one_redis_do_not_hear_each_other(redis_url: str, how: str) -> None:
    with (
        Peer(f"{redis_url}/1", how) as peer,
        closing(Broadcaster(f"{redis_url}/2")) as other,
        closing(Broadcaster(f"{redis_url}/1")) as same,
    ):
        peer.call("subscribe", "room")
        other.publish("room", "other", None)
        other.close()
        same.publish("room", "same", None)
        assert [message[1] for message in peer.said(1)] == ["same"]


def test_it_heals_when_redis_was_killed(
    own_redis: EmbeddedRedis, how: str, heard: list[Message]
) -> None:
    with Peer(own_redis.url, how) as peer, closing(Broadcaster(own_redis.url)) as broadcaster:
        broadcaster.deliver_to(heard.append)
        peer.call("subscribe", "room")
        assert broadcaster.subscribe("room")
        broadcaster.publish("room", "before", None)
        assert [message[1] for message in peer.said(1)] == ["before"]

        kill(own_redis)
        for number in range(100):
            broadcaster.publish("room", "during", number)
        assert [message.data for message in heard[1:]] == list(range(100))
        assert peer.call("subscribe", "later") is False
        assert broadcaster.subscribe("later") is False
        own_redis.start()

        # A subscription counts as confirmed only where Redis has it again.
        wait_until(lambda: peer.call("subscribe", "room"), "the peer's hearing")
        assert [message[2] for message in peer.said(100)] == list(range(100))
        broadcaster.publish("later", "after", None)
        assert [message[:2] for message in peer.said(1)] == [["later", "after"]]
        wait_until(lambda: broadcaster.subscribe("room"), "our hearing")
        peer.call("publish", "later", "answer", None)
        wait_until(lambda: heard[-1].event == "answer", "the peer's answer")
        assert peer.said(1)
        assert peer.heard_nothing_else()
        assert broadcaster.dropped == 0


def test_connections_cut_again_and_again_heal(
    broadcaster: Broadcaster, peer: Peer, redis_client: Redis
) -> None:
    for number in range(8):
        redis_client.client_kill_filter(_type="pubsub")
        peer.call("subscribe", f"room {number}")
        broadcaster.subscribe(f"room {number}")
        broadcaster.unsubscribe(f"room {number}")
    assert peer.call("subscribe", "room") is True
    for number in range(8):
        broadcaster.publish(f"room {number}", "event", None)
    assert [message[0] for message in peer.said(8)] == [f"room {number}" for number in range(8)]


def test_a_redis_that_freezes_loses_and_repeats_nothing(
    own_redis: EmbeddedRedis,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(pubsub, "SEND_TIMEOUT", 0.2)
    monkeypatch.setattr(pubsub, "SEND_AGAIN", 0.2)
    with Peer(own_redis.url, how) as peer, closing(Broadcaster(own_redis.url)) as broadcaster:
        peer.call("subscribe", "room")
        broadcaster.publish("room", "count", 0)
        assert len(peer.said(1)) == 1
        process = process_of(own_redis)
        os.kill(process, signal.SIGSTOP)
        try:
            for number in range(1, 50):
                broadcaster.publish("room", "count", number)
            wait_until(lambda: "cannot be told" in caplog.text, "giving up on the connection")
        finally:
            os.kill(process, signal.SIGCONT)
        assert [message[2] for message in peer.said(49)] == list(range(1, 50))
        broadcaster.publish("room", "count", 50)
        assert [message[2] for message in peer.said(1)] == [50]
        assert peer.heard_nothing_else()


def test_what_waits_for_redis_is_bounded(heard: list[Message]) -> None:
    broadcaster = Broadcaster("redis://127.0.0.1:1")
    broadcaster.deliver_to(heard.append)
    for number in range(pubsub.MAX_MESSAGES + 10):
        broadcaster.publish("room", "count", number)
    assert len(heard) == pubsub.MAX_MESSAGES + 10
    assert broadcaster.dropped == 10
    broadcaster.publish("room", "large", "x" * pubsub.MAX_BYTES)
    assert broadcaster.dropped == pubsub.MAX_MESSAGES + 11
    broadcaster.close(0)


def process_of(server: EmbeddedRedis) -> int:
    with redis.connect(server.url) as client:
        process: int = client.info("server")["process_id"]
        return process
