"""Socket.IO packets: what is refused, the order of events, how they are acknowledged."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from websocket import ABNF, WebSocket

from interview_platform.transport.server import MAX_MESSAGE_BYTES
from tests.realtime.bare_server import Live, echoes, hanging_up, serve, text, wait_until

PLACEHOLDER = '{"_placeholder":true,"num":0}'
HALF = MAX_MESSAGE_BYTES // 2 + 1
SECOND = '{"_placeholder":true,"num":1}'


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with serve(tmp_path_factory.mktemp("live")) as running:
        yield running


@pytest.mark.parametrize(
    "packets",
    [
        ["4"],
        ["4x"],
        ["49"],
        ["4[]"],
        ['4{"nsp":"/bare"}'],
        ["42/bare,"],
        ["42/bare,{}"],
        ["42/bare,[]"],
        ['42/bare,["echo",NaN]'],
        ['42/bare,[["echo"]]'],
        ['42/bare,["connect",{}]'],
        ['42/bare,["disconnect","x"]'],
        ['42/bare,["*","echo"]'],
        ['42/elsewhere,1["echo",NaN]'],
        ["43/bare,[]"],
        ["43/bare,1{}"],
        ["43/bare,1[]"],
        ['44/bare,{"message":"x"}'],
        ['4999999999-/bare,1["echo"]'],
        ['451-/elsewhere,1["echo"]', b"x"],
        [b"x"],
    ],
    ids=lambda packets: str(packets[0])[:40],
)
def test_malformed_packets_are_refused_and_harm_nothing(
    live: Live, packets: list[str | bytes]
) -> None:
    with hanging_up(live.joined()) as bystander, hanging_up(live.joined()) as connection:
        calls = live.state()["calls"]
        send(connection, packets)
        assert echoes(connection, "still here")
        assert echoes(bystander, "unharmed")
        assert live.state()["calls"] == calls


@pytest.mark.parametrize(
    "packets",
    [
        ["42/bare,7"],
        ['42/bare,7["connect",{}]'],
        ['42/bare,7["echo",NaN]'],
        ['42/bare,7["echo","\\ud800"]'],
        ['42/bare,7["echo",'],
        [f'42/bare,7["note",{"[" * 300}{"]" * 300}]'],
        [f'42/bare,7["note",{"[" * 9000}{"]" * 9000}]'],
        ['450-/bare,7["echo"]'],
        ['4511-/bare,7["echo"]'],
        ['45999999999-/bare,7["echo"]'],
        [f'451-/bare,7["echo",{PLACEHOLDER}]'],
        ['451-/bare,7["echo"]', b"x"],
        ['451-/bare,7["echo",{"_placeholder":true}]', b"x"],
        ['451-/bare,7["echo",{"_placeholder":true,"num":[]}]', b"x"],
        [f'451-/bare,7["echo",{PLACEHOLDER},{PLACEHOLDER}]', b"x"],
        [f'452-/bare,7["echo",{PLACEHOLDER},{SECOND}]', b"x" * HALF, b"x" * HALF],
    ],
    ids=lambda packets: str(packets[0])[:40],
)
def test_whoever_waits_for_an_answer_to_a_malformed_packet_gets_one(
    live: Live, packets: list[str | bytes]
) -> None:
    with hanging_up(live.joined()) as connection:
        calls = live.state()["calls"]
        send(connection, packets)
        connection.send('42/bare,8["echo",8]')
        refusal = '{"ok":false,"error":"Some fields are not valid"}'
        assert text(connection) == f"43/bare,7[{refusal}]"
        assert text(connection) == '43/bare,8[{"ok":true,"value":8}]'
        assert live.state()["calls"] == calls


@pytest.mark.parametrize("shown", ["[1]", '"good"', "1", '{"token":"\\ud800"}', '{"token":"good"'])
def test_a_connection_that_cannot_be_read_has_shown_nothing(live: Live, shown: str) -> None:
    with hanging_up(live.websocket()) as connection:
        connection.send(f"40/strict,{shown}")
        assert text(connection).startswith("44/strict,")
        connection.send('40/strict,{"token":"good"}')
        assert text(connection).startswith("40/strict,")


def send(connection: WebSocket, packets: list[str | bytes]) -> None:
    for packet in packets:
        opcode = ABNF.OPCODE_TEXT if isinstance(packet, str) else ABNF.OPCODE_BINARY
        connection.send(packet, opcode)


def test_a_client_s_events_are_handled_in_the_order_sent(live: Live) -> None:
    with hanging_up(live.joined()) as connection:
        connection.send('42/bare,1["nap"]')
        connection.send('42/bare,2["echo",2]')
        assert text(connection) == '43/bare,1["rested"]'
        assert text(connection) == '43/bare,2[{"ok":true,"value":2}]'


def test_an_acknowledgement_may_come_later_without_holding_up_others(live: Live) -> None:
    with hanging_up(live.joined()) as connection, hanging_up(live.joined()) as another:
        for packet in ('1["later","first"]', '2["later","second"]', '3["echo",3]'):
            connection.send(f"42/bare,{packet}")
        assert text(connection) == '43/bare,3[{"ok":true,"value":3}]'
        another.send('42/bare,["complete","second","done"]')
        assert text(connection) == '43/bare,2[{"value":"done"}]'
        another.send('42/bare,["break","first"]')
        assert text(connection) == '43/bare,1[{"ok":false,"error":"first"}]'


def test_a_handler_that_raises_is_acknowledged_as_a_failure(live: Live) -> None:
    with hanging_up(live.joined()) as connection:
        connection.send('42/bare,1["fail"]')
        assert text(connection) == '43/bare,1[{"ok":false,"error":"now"}]'


def test_an_acknowledgement_for_a_client_that_left_is_dropped(live: Live) -> None:
    with hanging_up(live.joined()) as bystander:
        with hanging_up(live.joined()) as connection:
            connection.send('42/bare,1["later","gone"]')
            assert echoes(connection, "sent")
        wait_until(lambda: live.state()["sockets"] == 1)
        bystander.send('42/bare,1["complete","gone","x"]')
        assert text(bystander) == "43/bare,1[]"
        assert echoes(bystander, "unharmed")


def test_a_connect_handler_that_raises_refuses(live: Live) -> None:
    with hanging_up(live.websocket()) as connection:
        connection.send("40/strict,")
        assert text(connection).startswith("44/strict,")
        connection.send('40/strict,{"token":"bad"}')
        assert text(connection).startswith("44/strict,")
        connection.send('40/strict,{"token":"good"}')
        assert text(connection).startswith("40/strict,")
