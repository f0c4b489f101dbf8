"""Statement 19: who does not read is cut off, what they miss is bounded, telemetry goes first."""

from __future__ import annotations

import json

from interview_platform.realtime.rooms import NAMESPACE
from interview_platform.realtime.setup import DROPPABLE
from interview_platform.transport.outbox import MAX_BYTES, MAX_PACKETS, Outbox
from interview_platform.transport.outgoing import Outgoing
from tests.live import wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.raw import SMALL_BUFFER, peak_memory, raw, worker_of

MIB = 1024 * 1024


def test_19_who_does_not_read_is_cut_off_and_costs_little(
    connect: Connect, meeting: Meeting, start_web: StartWeb
) -> None:
    web = start_web(LOG_LEVEL="info")
    ida, other = connect(meeting.interviewer, web.url), connect(meeting.candidate, web.url)
    for person in (ida, other):
        assert person.join(meeting.id)["ok"]
    offer = {"interviewId": meeting.id, "payload": {"type": "offer", "sdp": "x" * 60_000}}
    process = worker_of(web)
    with raw(web, meeting.candidate.token, sockopt=[SMALL_BUFFER]) as stuck:
        assert stuck.call("joinRoom", {"interviewId": meeting.id})["ok"]
        before = peak_memory(process, anew=True)
        # 12 MB, all of it allowed.
        for _ in range(200):
            assert ida.call("signal", offer)["ok"]
        while not [left for left in ida.all("userLeft") if left["socketId"] != other.id]:
            ida.next("userLeft")
        wait_until(lambda: len(other.all("signal")) == 200, "the signals")
        assert peak_memory(process) - before < 32 * MIB
        assert web.log.read_text().count("does not read") == 1
    assert ida.connected
    assert other.call("chatMessage", {"interviewId": meeting.id, "message": "here"})["ok"]


def test_19_who_reads_late_has_lost_telemetry_alone(
    connect: Connect, meeting: Meeting, start_web: StartWeb
) -> None:
    web = start_web(EVENTS_PER_SECOND="2000")
    ida = connect(meeting.interviewer, web.url)
    assert ida.join(meeting.id)["ok"]
    here = {"interviewId": meeting.id}
    cursor = {**here, "state": {"cursor": "x" * 7_000}}
    with raw(web, meeting.candidate.token, sockopt=[SMALL_BUFFER]) as late:
        assert late.call("joinRoom", here)["ok"]
        for number in range(20):
            for _ in range(100):
                ida.send("awareness", cursor)
            assert ida.call("chatMessage", {**here, "message": str(number)})["ok"]
        told: list[str] = []
        while len([event for event in told if event == "chatMessage"]) < 20:
            told.append(json.loads(late.read().removeprefix("42/interview,"))[0])
        assert 0 < told.count("awareness") < 2000


def test_19_the_queue_of_a_client_is_bounded_by_number_and_by_size() -> None:
    small = Outgoing.event(NAMESPACE, "chatMessage", "x")
    by_number = Outbox()
    assert all(by_number.put(small) for _ in range(MAX_PACKETS))
    assert not by_number.put(small)
    large = Outgoing.event(NAMESPACE, "chatMessage", "x" * 100_000)
    by_size = Outbox()
    count = 0
    while by_size.put(large):
        count += 1
    assert MAX_BYTES - 200_000 < count * 100_000 <= MAX_BYTES
    # What is being written counts until it has left.
    batch = by_size.take(100_000)
    assert not by_size.put(large)
    by_size.sent(batch)
    assert by_size.put(large)


def test_19_from_half_on_droppable_events_are_left_out() -> None:
    outbox = Outbox(DROPPABLE)
    event = Outgoing.event(NAMESPACE, "chatMessage", "x")
    state = Outgoing.event(NAMESPACE, "awareness", {"state": b"of somebody"})
    edit = Outgoing.event(NAMESPACE, "codeUpdate", {"update": b"of somebody"})
    kept = [state]
    assert outbox.put(state)
    while 2 * len(kept) < MAX_PACKETS:
        assert outbox.put(event)
        kept.append(event)
    for each in (state, edit, state, event):
        assert outbox.put(each)
    assert outbox.take() == [*kept, edit, event]


def test_19_a_single_large_packet_is_sent_whatever_its_size() -> None:
    outbox = Outbox()
    whole = Outgoing.event(NAMESPACE, "chatMessage", "x" * 2 * MAX_BYTES)
    assert outbox.put(whole)
    assert not outbox.put(whole)
    outbox.sent(outbox.take())
    assert outbox.put(whole)
