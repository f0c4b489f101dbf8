"""One interview, end to end, against a running service: `python -m tools.demo`.

Everything goes over the wire, as single-page apps do it: HTTP, and Socket.IO by the Python
client. Each step is printed; the exit status says whether all of them worked.
"""

from __future__ import annotations

import secrets
import sys
from datetime import UTC, datetime, timedelta
from queue import Queue
from typing import Any

import socketio

from .client import Client, admin, service_url

PASSWORD = secrets.token_urlsafe(12)
WAIT = 10


class Participant:
    """Somebody in the room, and the events that reached them."""

    def __init__(self, url: str, token: str) -> None:
        self.events: Queue[tuple[str, Any]] = Queue()
        # No browser, so that it has no origin.
        self._socket = socketio.Client(websocket_extra_options={"suppress_origin": True})
        self._socket.on("*", self._receive, namespace="/interview")
        self._socket.connect(
            url, namespaces=["/interview"], auth={"token": token}, wait_timeout=WAIT
        )

    @property
    def id(self) -> str:
        return str(self._socket.get_sid("/interview"))

    def say(self, event: str, **payload: Any) -> dict[str, Any]:
        """Send an event and return its acknowledgement, which must be good."""
        answer = self._socket.call(event, payload, namespace="/interview", timeout=WAIT)
        if not answer["ok"]:
            raise SystemExit(f"{event} was refused: {answer['error']}")
        return dict(answer)

    def hear(self, event: str) -> Any:
        """Return the next `event` that arrives."""
        while True:
            name, data = self.events.get(timeout=WAIT)
            if name == event:
                return data

    def go(self) -> None:
        self._socket.disconnect()

    def _receive(self, event: str, data: Any = None) -> None:
        self.events.put((event, data))


def main() -> int:
    url = service_url()
    step(f"The service at {url}", Client(url).get("/api")["version"])
    office = admin(url)
    step("An admin is logged in")
    run = secrets.token_hex(4)

    interviewer = hire(office, run)
    person = import_pool(office, run)
    task = office.post(
        "/api/admin/coding-tasks",
        {
            "title": "Reverse a list",
            "description": "Without the standard library.",
            "starterCode": "def reverse(items):\n    ...\n",
            "language": "python",
            "difficulty": "easy",
            "tests": [{"name": "three", "stdin": "1 2 3", "expected": "3 2 1", "hidden": True}],
        },
    )["codingTask"]
    step("A coding task", task["title"])
    chosen = draw(office, run, person)
    interview = schedule(office, chosen, interviewer, task)
    tell(office, interview)
    score = hold(url, office, interview, interviewer, person)
    read_log(office, interview)
    replay(office, interview)
    print(f"\nOne interview, end to end: {interview['id']}, attentiveness {score}.")
    return 0


def hire(office: Client, run: str) -> dict[str, Any]:
    body = {
        "name": "Ida Interviewer",
        "email": f"ida.{run}@demo.example.com",
        "role": "interviewer",
        "password": PASSWORD,
    }
    user: dict[str, Any] = office.post("/api/admin/users", body)["user"]
    step("An interviewer", user["email"])
    return user


def import_pool(office: Client, run: str) -> dict[str, Any]:
    """Import a pool by CSV, and make one candidate by hand who has a password to log in with."""
    rows = [f"Candidate {n},candidate{n}.{run}@demo.example.com,Java,{n}" for n in range(1, 6)]
    text = "\n".join(["name,email,skills,experienceYears", *rows])
    answer = office.post(
        "/api/admin/candidates/import", data=text.encode(), headers={"Content-Type": "text/csv"}
    )
    step("A pool out of a CSV file", f"{answer['created']} created")
    body = {
        "name": "Cleo Candidate",
        "email": f"cleo.{run}@demo.example.com",
        "password": PASSWORD,
        "skills": ["Python", f"demo-{run}"],
        "experienceYears": 4,
        "timezone": "Europe/Berlin",
    }
    user: dict[str, Any] = office.post("/api/admin/candidates", body)["user"]
    step("A candidate with a password", user["email"])
    return user


def draw(office: Client, run: str, person: dict[str, Any]) -> dict[str, Any]:
    criteria = {"skills": ["python", f"demo-{run}"], "experienceMin": 2}
    lot = office.post("/api/admin/lots", {"name": f"Demo {run}", "criteria": criteria})["lot"]
    drawn = office.post(f"/api/admin/lots/{lot['id']}/draw", {"size": 1, "method": "random"})
    drawn = drawn["draw"]
    step("A draw from the lot", f"seed {drawn['seed'][:8]}, pool of {drawn['poolSize']}")
    (selected,) = drawn["selected"]
    check(selected["id"] == person["id"], "the draw picked the only one who matches")
    return {"candidateId": selected["id"], "lotId": lot["id"]}


def schedule(
    office: Client, chosen: dict[str, Any], interviewer: dict[str, Any], task: dict[str, Any]
) -> dict[str, Any]:
    start = datetime.now(UTC) + timedelta(minutes=1)
    body = {
        **chosen,
        "interviewerId": interviewer["id"],
        "codingTaskId": task["id"],
        "schedule": {
            "start": start.isoformat(),
            "end": (start + timedelta(hours=1)).isoformat(),
        },
    }
    interview: dict[str, Any] = office.post("/api/admin/interviews", body)["interview"]
    step("An interview is scheduled", interview["schedule"]["start"])
    return interview


def tell(office: Client, interview: dict[str, Any]) -> None:
    found = office.get("/api/admin/interviews", candidateId=interview["candidate"]["id"])
    check(len(found["interviews"]) == 1, "it is in the admin's list")
    step("A message is on its way", "the worker sends it where a provider is configured")


def hold(
    url: str,
    office: Client,
    interview: dict[str, Any],
    interviewer: dict[str, Any],
    person: dict[str, Any],
) -> float | None:
    """Hold the interview itself; returns the attentiveness score that it ends with."""
    asking = Client(url).log_in(interviewer["email"], PASSWORD)
    answering = Client(url).log_in(person["email"], PASSWORD)
    own = answering.get("/api/candidates/interviews")["interviews"]
    check(own[0]["id"] == interview["id"], "the candidate sees it")
    ida, cleo = Participant(url, asking.token), Participant(url, answering.token)
    step("Both sides log in and connect")

    here = {"interviewId": interview["id"]}
    ida.say("joinRoom", **here)
    check(cleo.say("joinRoom", **here)["waiting"], "the candidate waits for the interview")
    asking.post(f"/api/interviews/{interview['id']}/start")
    check("def reverse" in cleo.hear("admitted")["codeSnapshot"], "the task's code is there")
    while ida.hear("userJoined")["socketId"] != cleo.id:
        pass
    step("The interview starts, and both are in the room")

    ida.say("signal", **here, payload={"type": "offer", "sdp": "v=0"})
    check(cleo.hear("signal")["payload"]["type"] == "offer", "the offer reached the candidate")
    cleo.say("signal", **here, payload={"type": "answer", "sdp": "v=0"}, to=ida.id)
    check(ida.hear("signal")["payload"]["type"] == "answer", "the answer came back")
    step("Signalling")
    code = "def reverse(items):\n    return items[::-1]\n"
    cleo.say("codeUpdate", **here, codeSnapshot=code)
    check(ida.hear("codeUpdate")["codeSnapshot"] == code, "the code reached the interviewer")
    run = {"stdout": "[3, 2, 1]\n", "stderr": "", "exitCode": 0, "durationMs": 21}
    cleo.say("codeRun", **here, language="python", **run)
    check(ida.hear("codeRun")["exitCode"] == 0, "and so did what came of running it")
    ida.say("bookmark", **here, label="Found the slice at once", rating=5)
    step("Code, a run of it, and a bookmark")
    ida.say("chatMessage", **here, message="Lovely. And in place?")
    check("in place" in cleo.hear("chatMessage")["message"], "the chat reached the candidate")
    step("Chat")
    cleo.say("consent", **here, gaze=True, recording=False)
    cleo.say("eyeTracking", **here, metrics={"x": 0.4, "y": 0.5, "onScreen": True})
    check(ida.hear("eyeTracking")["metrics"]["onScreen"], "the gaze reached the interviewer")
    step("Gaze, with the candidate's consent")

    ended = asking.post(
        f"/api/interviews/{interview['id']}/end",
        {
            "feedback": "Clear thinking, tidy code.",
            "attentivenessScore": 87,
            "scorecard": {
                "recommendation": "yes",
                "criteria": [{"name": "Problem solving", "score": 4}],
            },
        },
    )["interview"]
    cleo.hear("interviewEnded")
    step("The interview is ended with feedback", ended["status"])
    ida.go()
    cleo.go()
    score: float | None = ended["attentivenessScore"]
    return score


def read_log(office: Client, interview: dict[str, Any]) -> None:
    entries = office.get(f"/api/interviews/{interview['id']}/logs", order="asc")["logs"]
    numbers = [entry["seq"] for entry in entries]
    check(numbers == list(range(1, len(numbers) + 1)), "the log has no gap")
    kinds = {entry["type"] for entry in entries}
    check({"system", "webrtc", "code", "chat", "eye-tracking"} <= kinds, "and lacks no type")
    step("The log, in order", f"{len(entries)} entries")


def replay(office: Client, interview: dict[str, Any]) -> None:
    path = f"/api/interviews/{interview['id']}"
    before = office.get(f"{path}/code", at=1)["text"]
    after = office.get(f"{path}/code")["text"]
    check("..." not in after and before != after, "the code is there as it was at any moment")
    receipt = office.get(f"{path}/receipt")["receipt"]
    step("The record is sealed and can be replayed", f"{receipt['entries']} entries")


def check(holds: bool, what: str) -> None:
    if not holds:
        raise SystemExit(f"FAILED: {what}")


def step(what: str, detail: str = "") -> None:
    print(f"  ok  {what}" + (f": {detail}" if detail else ""), flush=True)


if __name__ == "__main__":
    sys.exit(main())
