"""A client that lost its connection is sent what it missed: no gap, no double."""

from __future__ import annotations

from itertools import count

from tests.live import SocketPerson, wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.service import Company


def say(socket: SocketPerson, meeting: Meeting, message: str) -> int:
    answer = socket.call("chatMessage", {"interviewId": meeting.id, "message": message})
    assert answer["ok"], answer
    return int(answer["seq"])


def messages(socket: SocketPerson) -> list[str]:
    return [said["message"] for said in socket.all("chatMessage")]


def test_what_was_missed_is_sent_in_order_and_then_all_that_comes(
    connect: Connect, meeting: Meeting
) -> None:
    ida, cleo = connect(meeting.interviewer), connect(meeting.candidate)
    assert ida.join(meeting.id)["ok"]
    since = cleo.join(meeting.id, sinceSeq=0)["seq"]
    former = cleo.id
    cleo.leave()
    numbers = [say(ida, meeting, f"missed {number}") for number in range(5)]
    assert ida.call("language", {"interviewId": meeting.id, "language": "rust"})["ok"]
    back = connect(meeting.candidate)
    answer = back.join(meeting.id, sinceSeq=since)
    assert answer["ok"]
    assert answer["complete"]
    assert answer["upto"] >= numbers[-1]
    say(ida, meeting, "live")
    back.next("chatMessage")
    wait_until(lambda: "live" in messages(back), "what was said last")
    assert messages(back) == [f"missed {number}" for number in range(5)] + ["live"]
    assert [said["seq"] for said in back.all("chatMessage")[:5]] == numbers
    assert back.all("language")[0]["language"] == "rust"
    # The candidate's own leaving is among what was missed.
    assert former in [left["socketId"] for left in back.all("userLeft")]


def test_only_staff_are_sent_what_is_for_staff(connect: Connect, meeting: Meeting) -> None:
    ida = connect(meeting.interviewer)
    since = ida.join(meeting.id)["seq"]
    mark = {"interviewId": meeting.id, "label": "fine answer", "rating": 5}
    assert ida.call("bookmark", mark)["ok"]
    assert ida.next("bookmark")["label"] == "fine answer"
    for label in ("a\u202eb", "a\nb", "\u200b", "\u200e ", " "):
        refused = ida.call("bookmark", {**mark, "label": label})["error"]
        assert (refused["code"], list(refused["errors"])) == ("invalid", ["label"]), label
    colleague, cleo = connect(meeting.company.admin), connect(meeting.candidate)
    assert colleague.join(meeting.id, sinceSeq=since)["ok"]
    assert cleo.join(meeting.id, sinceSeq=since)["ok"]
    assert colleague.next("bookmark")["rating"] == 5
    say(ida, meeting, "after")
    cleo.next("chatMessage")
    assert not cleo.all("bookmark")
    assert cleo.call("bookmark", mark)["error"]["code"] == "forbidden"


def test_no_gap_and_no_double_while_others_talk(
    connect: Connect, meeting: Meeting, start_web: StartWeb
) -> None:
    """Comes and goes, on two processes, while two people talk on both."""
    webs = [start_web(), start_web()]
    talkers = [connect(meeting.interviewer, web.url) for web in webs]
    for talker in talkers:
        assert talker.join(meeting.id)["ok"]
    numbers = count()

    def talk() -> list[str]:
        """Have both say much at once, and return what they say last, once it is stored."""
        for _ in range(10):
            for talker in talkers:
                payload = {"interviewId": meeting.id, "message": str(next(numbers))}
                talker.send("chatMessage", payload)
        last = [str(next(numbers)) for _ in talkers]
        for talker, message in zip(talkers, last, strict=True):
            say(talker, meeting, message)
        return last

    seen: dict[str, str] = {}
    since = 0
    for web in webs * 3:
        talk()
        listener = connect(meeting.candidate, web.url)
        answer = listener.join(meeting.id, sinceSeq=since)
        assert answer["ok"], answer
        assert answer["complete"]
        last = talk()
        wait_until(lambda: set(last) <= set(messages(listener)), "what was said last")  # noqa: B023
        listener.leave()
        told = listener.all("chatMessage")
        assert len({each["id"] for each in told}) == len(told), "told twice"
        seen.update({each["id"]: each["message"] for each in told})
        since = max([answer["upto"], *(each["seq"] for each in listener.all("position"))])
    assert sorted(map(int, seen.values())) == list(range(next(numbers)))


def test_positions_lead_to_the_end_of_the_log(connect: Connect, meeting: Meeting) -> None:
    ida, cleo = connect(meeting.interviewer), connect(meeting.candidate)
    assert ida.join(meeting.id)["ok"]
    assert cleo.join(meeting.id, sinceSeq=0)["ok"]
    last = [say(ida, meeting, f"{number}") for number in range(3)][-1]
    wait_until(
        lambda: any(told["seq"] >= last for told in cleo.all("position")),
        "a position at the log's end",
    )
    assert not ida.all("position")
    # Who does not follow the log is told nothing of its numbers and ids.
    assert "id" not in ida.all("chatMessage")[0]
    assert "id" in cleo.all("chatMessage")[0]


def test_who_joins_again_while_in_is_told_how_far_they_are(
    connect: Connect, meeting: Meeting
) -> None:
    ida, cleo = connect(meeting.interviewer), connect(meeting.candidate)
    assert ida.join(meeting.id)["ok"]
    since = cleo.join(meeting.id, sinceSeq=0)["seq"]
    last = say(ida, meeting, "once")
    cleo.next("chatMessage")
    wait_until(lambda: cleo.join(meeting.id, sinceSeq=since)["upto"] >= last, "a later number")
    assert cleo.join(meeting.id, sinceSeq=since)["complete"]
    say(ida, meeting, "live")
    wait_until(lambda: "live" in messages(cleo), "what was said last")
    assert messages(cleo) == ["once", "live"]
    assert all("id" in said for said in cleo.all("chatMessage"))


def test_the_start_is_told_once_and_by_its_id(connect: Connect, company: Company) -> None:
    ahead = Meeting(company, live=False)
    ida = connect(ahead.interviewer)
    assert ida.join(ahead.id, sinceSeq=0)["ok"]
    ahead.start()
    told = ida.next("interviewStarted")
    steps = {each["data"]["event"]: each for each in ahead.log(type="system")}
    started = steps["interview.started"]
    assert told["id"] == started["id"]
    wait_until(
        lambda: any(each["seq"] >= started["seq"] for each in ida.all("position")), "its number"
    )
    assert len(ida.all("interviewStarted")) == 1
    again = connect(ahead.interviewer)
    assert again.join(ahead.id, sinceSeq=0)["ok"]
    retold = again.next("interviewStarted")
    assert retold == {**told, "seq": started["seq"]}


def test_a_number_beyond_the_end_is_taken_as_the_end(connect: Connect, meeting: Meeting) -> None:
    cleo = connect(meeting.candidate)
    answer = cleo.join(meeting.id, sinceSeq=10_000)
    assert answer["ok"]
    assert answer["upto"] < 10_000
    refused = connect(meeting.candidate).join(meeting.id, sinceSeq=-1)
    assert "sinceSeq" in refused["error"]["errors"]


def test_more_than_can_be_sent_at_once_is_said_to_be_incomplete(
    connect: Connect, meeting: Meeting
) -> None:
    ida = connect(meeting.interviewer)
    since = ida.join(meeting.id)["seq"]
    run = {"language": "c", "stdout": "x" * 64_000, "stderr": "", "exitCode": 0, "durationMs": 1}
    for _ in range(20):
        assert ida.call("codeRun", {"interviewId": meeting.id, **run})["ok"]
    cleo = connect(meeting.candidate)
    answer = cleo.join(meeting.id, sinceSeq=since)
    assert (answer["ok"], answer["complete"]) == (True, False)
    sent = cleo.all("codeRun")
    assert 0 < len(sent) < 20
    # The rest is where the acknowledgement says.
    assert answer["upto"] == sent[-1]["seq"]
    lines = meeting.interviewer.get(
        f"/api/interviews/{meeting.id}/timeline", **{"from": answer["upto"] + 1, "types": "system"}
    ).text
    assert len(sent) + lines.count("code.run") == 20
