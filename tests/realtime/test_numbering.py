"""Processes that write one log tell each other of it, and need not read what they hear of."""

from __future__ import annotations

from tests.live import SocketPerson, wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.realtime.mongo_network import MongoNetwork

ROUNDS = 10


class ReadsOfLogs(MongoNetwork):
    """Counts how often session logs are read."""

    count = 0

    def passes(self, command: str, request: bytes) -> bool:
        self.count += command == "find" and b"sessionlogs\0" in request
        return True


def test_two_processes_write_one_log_without_reading_it(
    connect: Connect, meeting: Meeting, start_web: StartWeb, mongo_uri: str
) -> None:
    with ReadsOfLogs(mongo_uri) as reads:
        one, other = start_web(), start_web(MONGO_URI=reads.uri)
        people = [connect(meeting.interviewer, one.url), connect(meeting.candidate, other.url)]
        for person in people:
            assert person.join(meeting.id)["ok"]
        numbers: list[int] = []

        def talk() -> int:
            """Have both say something in turn; returns how often that had the log read."""
            before = reads.count
            numbers.extend(say(person, meeting) for _ in range(ROUNDS) for person in people)
            return reads.count - before

        # Looks of a process that has just come in, or that looks whether it has missed anything.
        wait_until(lambda: talk() < ROUNDS // 2, "talking without reading")
    first = numbers[0]
    assert numbers == list(range(first, first + len(numbers)))


def say(person: SocketPerson, meeting: Meeting) -> int:
    answer = person.call("chatMessage", {"interviewId": meeting.id, "message": "and?"})
    assert answer["ok"], answer
    return int(answer["seq"])
