"""Statements 5, 8, 10, 16, 17 and 24, as far as sockets go."""

from __future__ import annotations

import json
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial

import pytest
import requests
from redis import Redis
from websocket import ABNF

from interview_platform.core.settings import Settings
from tests.live import RefusedError, SocketPerson, WebProcess, deploy, wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.raw import RawSocket, frame, packet, peak_memory, polling_session, raw, worker_of
from tests.security.test_tokens import bad_tokens
from tests.service import PASSWORD, Company, Person

MIB = 1024 * 1024
DRAINED_WITHIN = 10.0


def test_5_forged_tokens_are_refused_at_the_handshake(
    company: Company, settings: Settings, web: WebProcess
) -> None:
    interviewer = company.staff()
    for token in bad_tokens(settings, interviewer).values():
        with pytest.raises(RefusedError, match="unauthorized"):
            SocketPerson(web.url, token)
    person = SocketPerson(web.url, interviewer.token)
    assert person.connected
    person.leave()


def test_8_a_socket_closes_soon_after_its_token_s_end(
    company: Company, start_web: StartWeb, connect: Connect
) -> None:
    web = start_web(JWT_EXPIRES_IN="3s")
    person = company.staff()
    login = {"email": person.email, "password": PASSWORD}
    answer = requests.post(f"{web.url}/api/auth/login", json=login, timeout=10).json()
    assert answer["expiresIn"] == 3
    person.token = answer["token"]
    socket = connect(person, web.url)
    assert socket.connected
    wait_until(lambda: not socket.connected, "the socket's end", 3 + 5)


def test_10_an_origin_that_is_not_listed_is_refused_at_the_handshake(
    company: Company, web: WebProcess
) -> None:
    evil = {"Origin": "https://evil.example.com"}
    listed = {"Origin": "http://localhost:3000"}
    with pytest.raises(RefusedError):
        SocketPerson(web.url, company.admin.token, headers=evil)
    person = SocketPerson(web.url, company.admin.token, headers=listed)
    assert person.connected
    person.leave()
    polling = f"{web.url}/socket.io/?EIO=4&transport=polling"
    assert requests.get(polling, headers=evil, timeout=10).status_code == 400
    assert requests.get(polling, headers=listed, timeout=10).status_code == 200


def test_10_a_token_in_the_address_is_not_taken(company: Company, web: WebProcess) -> None:
    with pytest.raises(RefusedError, match="unauthorized"):
        SocketPerson(f"{web.url}?token={company.admin.token}", None)
    answer = company.anyone.get("/api/auth/me", token=company.admin.token)
    assert answer.status_code == 401


def test_16_messages_over_the_limit_take_no_memory(meeting: Meeting, web: WebProcess) -> None:
    process = worker_of(web)
    page = {"interviewId": meeting.id, "codeSnapshot": "x" * 64 * MIB}
    plain = frame(packet("codeUpdate", page))
    deflated = frame(zlib.compress(bytes(400 * MIB), 9), ABNF.OPCODE_BINARY, deflated=1)
    for number, message in enumerate((plain, deflated)):
        with raw(web, meeting.candidate.token) as socket:
            assert socket.call("joinRoom", {"interviewId": meeting.id})["ok"]
            before = peak_memory(process, anew=True)
            socket.flood(message)
            wait_until(partial(getattr, socket, "closed"), f"the end by message {number}")
        assert peak_memory(process) - before < 16 * MIB


def test_17_a_connection_that_does_not_join_is_closed(
    meeting: Meeting, web: WebProcess, connect: Connect
) -> None:
    polling = f"{web.url}/socket.io/?EIO=4&transport=polling"
    member = connect(meeting.interviewer)
    silent, refused, gone, talker, stranger, wanderer = (RawSocket(web) for _ in range(6))
    sid = json.loads(requests.get(polling, timeout=5).text[1:])["sid"]
    alien = json.loads(requests.get(polling, timeout=5).text[1:])["sid"]
    assert requests.post(f"{polling}&sid={alien}", data='40{"token":""}', timeout=5).ok
    half = RawSocket(web, sid=sid)
    half.say("2probe")
    assert half.read() == "3probe"
    refused.say('40/interview,{"token":"none"}')
    gone.say(f'40/interview,{{"token":"{meeting.candidate.token}"}}')
    assert gone.read().startswith("40/interview,")
    gone.say("41/interview,")
    talker.flood(frame('42/interview,["chatMessage",{}]') * 100)
    stranger.say("40")
    assert stranger.read() == '44{"message":"Invalid namespace"}'
    stranger.say('42["joinRoom",{}]')
    # Packets are counted outside every namespace, refused connections included.
    wanderer.flood(b"".join(frame(f"40/{number},") for number in range(100)))
    waiting = [silent, refused, gone, talker, half, stranger, wanderer]

    def all_closed() -> bool:
        for socket in [socket for socket in waiting if socket.closed]:
            waiting.remove(socket)
            socket.reset()
        return not waiting

    wait_until(all_closed, "the end of all who did not join", 10)
    for each in (sid, alien):
        assert requests.get(f"{polling}&sid={each}", timeout=5).status_code == 400
    assert member.connected
    assert member.join(meeting.id)["ok"]


STRANGE_NAMESPACES = [
    "/",
    "/admin",
    "/interview/",
    "//interview",
    "/Interview",
    "/interview?x",
    "/interview#x",
    "/interview\u200b",
    "/constructor",
    "/" + "x" * 100_000,
]


def named(namespace: str) -> str:
    """Return how a packet names a namespace."""
    return "" if namespace == "/" else f"{namespace},"


def test_only_one_namespace_exists(meeting: Meeting, web: WebProcess) -> None:
    hello = json.dumps({"token": meeting.candidate.token})
    for namespace in STRANGE_NAMESPACES:
        name = named(namespace)
        refusal = f'44{name}{{"message":"Invalid namespace"}}'
        with raw(web) as socket:
            for packet in (f"40{name}{hello}", f"40{name}", f"40{name}[]"):
                socket.say(packet)
                assert socket.read() == refusal
            # The connection is as good as before.
            socket.say(f"40/interview,{hello}")
            assert socket.read().startswith('40/interview,{"sid"')
            socket.say(f"40{name}{hello}")
            assert socket.read() == refusal
            assert socket.call("joinRoom", {"interviewId": meeting.id})["ok"]
        session = polling_session(web.url)
        assert requests.post(session, data=f"40{name}{hello}".encode(), timeout=5).ok
        assert requests.get(session, timeout=5).content.decode() == refusal


def test_packets_for_namespaces_not_joined_reach_nothing(meeting: Meeting, web: WebProcess) -> None:
    with raw(web, meeting.candidate.token) as socket:
        for namespace in STRANGE_NAMESPACES:
            name = named(namespace)
            for text in (f'42{name}7["joinRoom",{{}}]', f"43{name}7[1]", f"41{name}"):
                socket.say(text)
            placeholder = '{"_placeholder":true,"num":0}'
            socket.say(f'451-{name}7["codeUpdate",{placeholder}]')
            socket.flood(frame(b"x", ABNF.OPCODE_BINARY))
            socket.say(f'42{name}7["joinRoom",{{}}')
        assert socket.call("joinRoom", {"interviewId": meeting.id})["ok"]
        # It is in once; connecting again changes nothing, whatever is shown.
        for shown in (meeting.interviewer.token, "none"):
            socket.say(f'40/interview,{{"token":"{shown}"}}')
            while not (told := socket.read()).startswith("44"):
                pass  # what the room is told meanwhile
            assert told == '44/interview,{"message":"Already connected"}'
        assert socket.call("leaveRoom", {"interviewId": meeting.id})["ok"]
    log = web.log.read_text()
    assert "Traceback" not in log
    assert "ERROR" not in log.upper()


def test_17_one_address_has_so_many_connections(
    company: Company, start_web: StartWeb, connect: Connect
) -> None:
    web = start_web(SOCKETS_PER_ADDRESS="4", TRUSTED_PROXIES="1")
    here = {"X-Forwarded-For": "2001:db8:1:2::1"}
    polling = f"{web.url}/socket.io/?EIO=4&transport=polling"

    def arrive(address: str) -> int:
        headers = {"X-Forwarded-For": address}
        return requests.get(polling, headers=headers, timeout=5).status_code

    first = connect(company.admin, web.url, headers=here)
    # One customer has all of these addresses; whoever claims others is not believed.
    assert [arrive(f"2001:db8:1:2::{number}") for number in range(2, 5)] == [200] * 3
    assert arrive("198.51.100.7, 2001:db8:1:2::9") == 429
    with pytest.raises(RefusedError):
        connect(company.admin, web.url, headers=here)
    assert arrive("2001:db8:1:3::1") == 200
    first.leave()
    wait_until(lambda: arrive("2001:db8:1:2::10") == 200, "room for another")


def enters(connect: Connect, person: Person, web: WebProcess) -> bool:
    with suppress(RefusedError):
        return connect(person, web.url).connected
    return False


def test_17_one_person_has_so_many_connections_over_all_processes(
    company: Company, start_web: StartWeb, connect: Connect
) -> None:
    webs = [start_web(SOCKETS_PER_PERSON="3") for _ in range(2)]
    person, other = company.staff(), company.staff()
    sockets = [connect(person, webs[number % 2].url) for number in range(3)]
    for web in webs:
        with pytest.raises(RefusedError, match="too_many_connections"):
            connect(person, web.url)
    connect(other, webs[0].url)
    sockets[0].leave()
    wait_until(lambda: enters(connect, person, webs[1]), "room for another")


def test_17_who_goes_before_being_let_in_takes_nobody_s_place(
    company: Company, start_web: StartWeb, connect: Connect, redis_client: Redis
) -> None:
    web, person = start_web(SOCKETS_PER_PERSON="1"), company.staff()
    session = polling_session(web.url)
    with ThreadPoolExecutor() as pool:
        # Holds up who is counted.
        redis_client.client_pause(1_000)
        hello = f"40/interview,{json.dumps({'token': person.token})}"
        entering = pool.submit(requests.post, session, data=hello, timeout=5)
        time.sleep(0.3)  # nothing tells from outside how far it is
        assert requests.post(session, data="1", timeout=5).status_code == 200
        entering.result()
    wait_until(lambda: enters(connect, person, web), "room for another")


@pytest.mark.parametrize("launch", [deploy])
def test_24_stopping_under_load_tells_sockets_and_finishes_requests(
    company: Company, start_web: StartWeb, connect: Connect
) -> None:
    web = start_web(BCRYPT_SALT_ROUNDS="12")
    meeting = Meeting(company)
    people = [connect(person, web.url) for person in (meeting.interviewer, meeting.candidate)]
    for person in people:
        person.join(meeting.id)
    for number in range(50):
        people[0].send("chatMessage", {"interviewId": meeting.id, "message": str(number)})

    def login(number: int) -> int:
        body = {"email": f"nobody{number}@example.com", "password": PASSWORD}
        return requests.post(f"{web.url}/api/auth/login", json=body, timeout=30).status_code

    with ThreadPoolExecutor(6) as pool:
        logins = [pool.submit(login, number) for number in range(6)]
        wait_until(lambda: len(people[1].all("chatMessage")) == 50, "the chat")
        began = time.monotonic()
        assert web.stop() == 0
        assert time.monotonic() - began < DRAINED_WITHIN
        assert [each.result() for each in logins] == [401] * 6
    for person in people:
        assert 0 <= person.next("serverDraining")["reconnectAfterMs"] <= 5000
        wait_until(lambda person=person: not person.connected, "the socket's end")  # type: ignore[misc]
    # What was said before is stored: nothing that waited was dropped.
    messages = [entry["data"]["message"] for entry in meeting.log(type="chat")]
    assert messages == [str(number) for number in range(50)]
