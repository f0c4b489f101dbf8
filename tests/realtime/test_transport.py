"""WebSocket and long polling as a network sees them: what is delivered, and what is cut off."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import requests
from websocket import (
    ABNF,
    WebSocketBadStatusException,
    WebSocketConnectionClosedException,
    create_connection,
)

from interview_platform.transport.engine import MAX_UNANSWERED
from interview_platform.transport.server import MAX_MESSAGE_BYTES
from tests.raw import peak_memory, polling_session
from tests.realtime.bare_server import (
    PYWSGI,
    Live,
    echoes,
    frame,
    hanging_up,
    read_to_the_end,
    reset,
    send_raw,
    serve,
    text,
    wait_until,
)

MIB = 1024 * 1024
PLACEHOLDER = '{"_placeholder":true,"num":0}'
OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with serve(tmp_path_factory.mktemp("live")) as running:
        yield running


@pytest.mark.parametrize("transports", [(), ("websocket",)], ids=["upgraded", "websocket"])
def test_events_and_acknowledgements_travel_with_binary_parts(
    live: Live, transports: tuple[str, ...]
) -> None:
    value = {"text": "žluťoučký 🐎", "update": bytes(range(256)), "empty": b"", "number": 2**53 - 1}
    with live.client(*transports) as client:
        assert client.call("echo", value, namespace="/bare") == {"ok": True, "value": value}
        assert client.transport() == "websocket"
        assert client.call("transport", namespace="/bare") == "websocket"


def test_long_polling_alone_serves_too(live: Live) -> None:
    session = polling_session(live.url)
    packets = f'40/bare,\x1e451-/bare,7["echo",{PLACEHOLDER}]\x1ebAAEC'
    assert requests.post(session, data=packets, timeout=5).text == "OK"
    connected, acknowledged, attachment = requests.get(session, timeout=5).text.split("\x1e")
    assert connected.startswith("40/bare,")
    assert acknowledged == f'461-/bare,7[{{"ok":true,"value":{PLACEHOLDER}}}]'
    assert attachment == "bAAEC"
    together = "\x1e".join(f'42/bare,{n}["echo",{n}]' for n in range(100))
    assert requests.post(session, data=together, timeout=5).text == "OK"
    assert len(requests.get(session, timeout=5).text.split("\x1e")) == 100
    assert requests.post(session, data="1", timeout=5).text == "OK"
    assert requests.post(session, data="1", timeout=5).status_code == 400


def test_a_client_that_leaves_while_it_is_let_in_leaves_nothing_behind(live: Live) -> None:
    session = polling_session(live.url)
    with ThreadPoolExecutor() as pool:
        entering = pool.submit(requests.post, session, data="40/slow,", timeout=5)
        wait_until(lambda: live.state()["calls"][-1:] == ["entering"])
        assert requests.post(session, data="1", timeout=5).status_code == 200
        entering.result()
    wait_until(lambda: live.state()["calls"][-1:] == ["gone"])
    assert "/slow" not in live.state()["namespaces"]


def test_pywsgi_serves_websockets_too(tmp_path: Path) -> None:
    with serve(tmp_path, PYWSGI) as live:
        with live.client() as client:
            assert client.transport() == "websocket"
            assert client.call("echo", b"\x00", namespace="/bare") == {"ok": True, "value": b"\x00"}
        with hanging_up(live.joined()) as connection:
            send_raw(connection, frame(b"4" + b"x" * MAX_MESSAGE_BYTES))
            assert read_to_the_end(connection) == ([], 1009)


def test_origins_that_are_not_listed_are_refused(live: Live) -> None:
    polling = f"{live.url}/socket.io/?EIO=4&transport=polling"
    listed = requests.get(polling, headers={"Origin": "https://app.example"}, timeout=5)
    assert listed.headers["Access-Control-Allow-Origin"] == "https://app.example"
    strange = requests.get(polling, headers={"Origin": "https://strange.example"}, timeout=5)
    assert strange.status_code == 400
    assert "Access-Control-Allow-Origin" not in strange.headers
    with pytest.raises(WebSocketBadStatusException):
        live.websocket(origin="https://strange.example")


def test_frames_that_arrive_together_are_all_delivered_in_order(live: Live) -> None:
    with hanging_up(live.joined()) as connection:
        packets = [frame(f'42/bare,{n}["echo",{n}]'.encode()) for n in range(500)]
        send_raw(connection, b"".join(packets))
        for n in range(500):
            assert text(connection) == f'43/bare,{n}[{{"ok":true,"value":{n}}}]'


def test_fragments_are_joined_around_pings(live: Live) -> None:
    message = '42/bare,7["echo","žluť"]'.encode()
    with hanging_up(live.joined()) as connection:
        send_raw(
            connection,
            frame(message[:19], fin=0)  # in the middle of a character
            + frame(b"are you there", ABNF.OPCODE_PING)
            + frame(b"", ABNF.OPCODE_CONT, fin=0) * 1000
            + frame(message[19:], ABNF.OPCODE_CONT),
        )
        assert connection.recv_data(control_frame=True) == (ABNF.OPCODE_PONG, b"are you there")
        assert text(connection) == '43/bare,7[{"ok":true,"value":"žluť"}]'


def test_the_closing_handshake_is_completed_after_what_came_before_it(live: Live) -> None:
    with hanging_up(live.joined()) as connection:
        send_raw(
            connection,
            frame(b'42/bare,["note","last words"]') + frame(b"\x03\xe8bye", ABNF.OPCODE_CLOSE),
        )
        assert read_to_the_end(connection) == ([], 1000)
        assert live.state()["calls"][-2:] == ["last words", "disconnect"]


def test_a_slow_reader_receives_every_byte(live: Live) -> None:
    with hanging_up(live.joined()) as connection:
        connection.send('42/bare,["flood",10,400000]')
        time.sleep(0.5)  # the server runs into full buffers
        for number in range(10):
            assert text(connection) == f'42/bare,["part","{number}{"x" * 400_000}"]'


def test_no_extension_is_negotiated(live: Live) -> None:
    with hanging_up(live.websocket(header=[OFFER])) as connection:
        assert "sec-websocket-extensions" not in (connection.getheaders() or {})


def test_a_handshake_that_is_not_websocket_leaves_nothing_behind(live: Live) -> None:
    before = live.state()["sockets"]
    answer = requests.get(
        f"{live.url}/socket.io/?EIO=4&transport=websocket",
        headers={"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "short"},
        timeout=5,
    )
    assert answer.status_code == 400
    assert live.state()["sockets"] <= before


def test_an_upgrade_that_fails_leaves_the_polling_session(live: Live) -> None:
    session = polling_session(live.url)
    address = session.replace("http://", "ws://").replace("polling", "websocket")
    with hanging_up(create_connection(address, timeout=10)) as connection:
        connection.send("4not a probe")
        assert read_to_the_end(connection) == ([], 1000)
    assert requests.post(session, data=b"40/bare,", timeout=5).text == "OK"
    assert requests.get(session, timeout=5).text.startswith("40/bare,")
    assert requests.post(session, data=b"1", timeout=5).status_code == 200


def deflated_zeros(size: int) -> bytes:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return deflate.compress(bytes(size)) + deflate.flush(zlib.Z_SYNC_FLUSH)


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        pytest.param([frame(b"4" + b"x" * 64 * MIB)], 1009, id="plain"),
        pytest.param(
            [frame(b"4" + b"x" * 700_000, fin=0)]
            + [frame(b"x" * 700_000, ABNF.OPCODE_CONT, fin=0)] * 90,
            1009,
            id="fragmented",
        ),
        pytest.param(
            [frame(deflated_zeros(800 * MIB), ABNF.OPCODE_BINARY, rsv1=1)], 1002, id="deflated"
        ),
    ],
)
def test_messages_over_the_limit_close_the_connection_and_take_no_memory(
    live: Live, frames: list[bytes], code: int
) -> None:
    process = Path(f"/proc/{live.state()['pid']}")
    with hanging_up(live.websocket(header=[OFFER])) as connection:
        connection.send("40/bare,")
        assert text(connection).startswith("40/bare,")
        assert echoes(connection, "x" * (MAX_MESSAGE_BYTES - 100))
        before = peak_memory(process, anew=True)
        with suppress(OSError):
            for part in frames:
                send_raw(connection, part)
        assert read_to_the_end(connection) == ([], code)
    assert peak_memory(process) - before < 16 * MIB


def test_a_polling_body_over_the_limit_is_refused(live: Live) -> None:
    answer = requests.post(
        polling_session(live.url), data=b"4" + b"x" * MAX_MESSAGE_BYTES, timeout=5
    )
    assert answer.status_code == 400


@pytest.mark.parametrize("message", [b"x", b"", b"bx"])
def test_what_is_not_engineio_ends_its_own_connection_alone(live: Live, message: bytes) -> None:
    with hanging_up(live.joined()) as bystander:
        before = live.state()["sockets"]
        with hanging_up(live.joined()) as connection:
            send_raw(connection, frame(message))
            assert read_to_the_end(connection) == ([], 1000)
        wait_until(lambda: live.state()["sockets"] <= before)
        assert echoes(bystander, "unharmed")


def test_a_peer_that_does_not_answer_a_close_frame_is_cut_off(live: Live) -> None:
    with hanging_up(live.joined()) as connection:
        send_raw(connection, frame(b"x"))
        assert connection.sock is not None
        assert connection.sock.recv(100) == b"\x88\x02\x03\xe8"
        assert connection.sock.recv(100) == b""


def test_text_that_is_not_utf_8_closes_the_connection(live: Live) -> None:
    with hanging_up(live.joined()) as connection:
        send_raw(connection, frame(b'42/bare,["echo","\xff"]'))
        assert read_to_the_end(connection) == ([], 1007)


def test_peers_that_vanish_leave_nothing_behind(tmp_path: Path) -> None:
    with serve(tmp_path, PING_SECONDS="1") as live:
        live.joined().close()
        wait_until(lambda: live.state()["sockets"] == 0)
        before = live.state()["greenlets"]
        cut, silent, stuck = ([live.joined() for _ in range(3)] for _ in range(3))
        assert live.state()["greenlets"] > before
        for connection in cut:
            reset(connection)
        for connection in stuck:
            connection.send('42/bare,["flood",40,400000]')
        wait_until(lambda: live.state()["sockets"] == 0)
        wait_until(lambda: live.state()["greenlets"] <= before)
        for connection in silent + stuck:
            reset(connection)


def test_who_waits_for_a_handler_is_not_taken_for_dead(tmp_path: Path) -> None:
    with serve(tmp_path, PING_SECONDS="1") as live, hanging_up(live.joined()) as connection:
        connection.send('42/bare,1["nap",5]')
        heard = []
        while (packet := connection.recv()) != '43/bare,1["rested"]':
            heard.append(packet)
            connection.send("3")
        # Clients take a server for dead as well that does not ask for signs of life.
        assert heard.count("2") >= 3


def test_who_polls_and_waits_for_a_handler_is_not_taken_for_dead(tmp_path: Path) -> None:
    with serve(tmp_path, PING_SECONDS="1") as live, ThreadPoolExecutor() as pool:
        session = polling_session(live.url)
        assert requests.post(session, data="40/bare,", timeout=5).text == "OK"
        # One call at a time, as clients have it: no pong comes before this is handled.
        napping = pool.submit(requests.post, session, data='42/bare,1["nap",5]', timeout=10)
        heard = []
        while '43/bare,1["rested"]' not in heard:
            answer = requests.get(session, timeout=5)
            assert answer.status_code == 200, answer.text
            heard += answer.text.split("\x1e")
        assert napping.result().text == "OK"
        assert heard.count("2") >= 3


def test_answers_to_pings_tell_what_has_arrived_over_an_upgrade_too(tmp_path: Path) -> None:
    with serve(tmp_path, PING_SECONDS="1") as live:
        with live.client() as client:
            for name in "abc":
                client.emit("ask", name, namespace="/bare")
            wait_until(lambda: live.state()["calls"][-1:] == ["after c"])
            # Pings that ask for signs of life come in between, and are answered in turn.
            time.sleep(2.5)
            client.emit("ask", "d", namespace="/bare")
            wait_until(lambda: live.state()["calls"][-1:] == ["after d"])
            assert client.connected
        told = [call for call in live.state()["calls"] if call.startswith(("before", "after"))]
        assert told == [f"{when} {name}" for name in "abcd" for when in ("before", "after")]
        with hanging_up(live.joined()) as connection:
            connection.send('42/bare,["ask","e"]')
            packets = ["2", '42/bare,["asked","e"]', "2"]
            assert [text(connection) for _ in packets] == packets
            connection.send("3")
            wait_until(lambda: live.state()["calls"][-1:] == ["before e"])
            # It answers no more, and is cut off by the next regular ping.
            wait_until(lambda: live.state()["sockets"] == 0)
            assert "after e" not in live.state()["calls"]


def test_a_client_that_polls_answers_pings_in_order(live: Live) -> None:
    session = polling_session(live.url)
    assert requests.post(session, data='40/bare,\x1e42/bare,["ask","f"]', timeout=5).text == "OK"
    packets = requests.get(session, timeout=5).text.split("\x1e")
    assert packets[1:] == ["2", '42/bare,["asked","f"]', "2"]
    assert requests.post(session, data="3\x1e3\x1e3", timeout=5).text == "OK"
    assert live.state()["calls"][-2:] == ["before f", "after f"]
    assert requests.post(session, data="1", timeout=5).status_code == 200


def test_a_client_that_reads_and_does_not_answer_pings_is_cut_off(live: Live) -> None:
    with hanging_up(live.joined()) as connection:
        # One that answers is sent any number.
        for _ in range(2 * MAX_UNANSWERED):
            connection.send('42/bare,["ask","a"]')
            assert [text(connection) for _ in "123"][::2] == ["2", "2"]
            connection.send("3")
            connection.send("3")
        for _ in range(MAX_UNANSWERED // 2 + 1):
            connection.send('42/bare,["ask","b"]')
        packets = []
        with suppress(WebSocketConnectionClosedException):
            while packet := connection.recv():
                packets.append(packet)
        assert 0 < packets.count("2") <= MAX_UNANSWERED
