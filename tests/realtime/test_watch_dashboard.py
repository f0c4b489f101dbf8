"""Watching the dashboard: told at once, then of each change, made once for all who watch."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import orjson
from redis import Redis

from interview_platform.local.stores import EmbeddedRedis
from tests.live import SocketPerson, wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.service import Company

TURN, FIGURES = "dashboard:turn", "dashboard:figures"

Figures = dict[str, Any]


def watch(socket: SocketPerson, **payload: Any) -> SocketPerson:
    assert socket.call("watchDashboard", payload) == {"ok": True}
    return socket


def unassigned(socket: SocketPerson, count: int) -> Figures:
    """Return the first figures that the socket hears with so many unassigned candidates."""
    while True:
        figures: Figures = socket.next("dashboard")
        if figures["pipeline"]["unassigned"] == count:
            return figures


def troubles(socket: SocketPerson) -> dict[str, str | None]:
    """Return what is wrong with whom, by role, in the one live interview that is shown next."""
    (live,) = socket.next("dashboard")["live"]
    return {person["role"]: person["trouble"] for person in live["people"]}


def is_idle(redis: Redis) -> bool:
    """Tell whether no process takes its turn for far longer than lies between two turns."""
    for _ in range(10):
        if redis.exists(TURN):
            return False
        time.sleep(0.05)
    return True


def made_at(redis: Redis) -> str | None:
    """Return when the figures were made that the processes share."""
    kept = redis.get(FIGURES)
    return orjson.loads(kept)["at"] if kept else None


def test_an_admin_is_told_at_once_what_rest_tells(connect: Connect, company: Company) -> None:
    Meeting(company)
    figures = watch(connect(company.admin)).next("dashboard")
    answer = company.admin.get("/api/admin/dashboard").json
    # It grows by the second.
    for shown in (figures, answer):
        assert shown["queue"].pop("oldestAge") >= 0
    assert figures.pop("at")
    assert figures == answer


def test_only_changes_are_told(connect: Connect, company: Company, redis_client: Redis) -> None:
    watcher = watch(connect(company.admin))
    first = unassigned(watcher, 0)
    for _ in range(2):
        before = made_at(redis_client)
        wait_until(lambda before=before: made_at(redis_client) != before, "the next figures")  # type: ignore[misc]
    newcomer = watch(connect(company.admin))
    later = newcomer.next("dashboard")
    assert later["at"] > first["at"]
    assert {**later, "at": first["at"]} == first
    assert watcher.all("dashboard") == [first]
    company.candidate()
    assert unassigned(watcher, 1) == unassigned(newcomer, 1)
    assert len(watcher.all("dashboard")) == 2


def test_who_does_not_watch_any_more_is_told_nothing(connect: Connect, company: Company) -> None:
    leaving, staying = (watch(connect(company.admin)) for _ in range(2))
    unassigned(staying, 0)
    unassigned(leaving, 0)
    watch(leaving, watch=False)
    told = len(leaving.all("dashboard"))
    company.candidate()
    unassigned(staying, 1)
    # Whatever was on its way would come before this.
    assert leaving.call("watchDashboard", {"watch": False})["ok"]
    assert len(leaving.all("dashboard")) == told
    watch(leaving)
    unassigned(leaving, 1)


def test_nothing_is_made_when_nobody_watches_any_more(
    connect: Connect, company: Company, redis_client: Redis
) -> None:
    other = company.staff("admin")
    watchers = [watch(connect(person)) for person in (company.admin, company.admin, other)]
    stopping, leaving, losing = watchers
    for watcher in watchers:
        unassigned(watcher, 0)
    assert stopping.call("watchDashboard", {"watch": False})["ok"]
    leaving.leave()
    path = f"/api/admin/users/{other.id}"
    assert company.admin.patch(path, {"role": "interviewer"}).status_code == 200
    wait_until(lambda: not losing.connected, "the end of the rights")
    wait_until(lambda: is_idle(redis_client), "the end of the making")
    unassigned(watch(stopping), 0)


def test_payloads_of_another_shape_are_refused(connect: Connect, company: Company) -> None:
    socket = connect(company.admin)
    payloads: list[object] = [{"watch": "yes"}, {"interviewId": "0" * 24}, []]
    for payload in payloads:
        assert socket.call("watchDashboard", payload)["error"]["code"] == "invalid"


def test_figures_are_made_once_for_all_processes(
    company: Company, start_web: StartWeb, connect: Connect
) -> None:
    watchers = [watch(connect(company.admin, start_web().url)) for _ in range(2)]
    for count in range(3):
        for watcher in watchers:
            unassigned(watcher, count)
        company.candidate()
    times = [{figures["at"] for figures in watcher.all("dashboard")} for watcher in watchers]
    # Whoever makes figures of its own has none of just the same millisecond.
    assert times[0] & times[1]


def test_another_process_goes_on_where_one_is_killed(
    company: Company, start_web: StartWeb, connect: Connect
) -> None:
    making, other = start_web(), start_web()
    unassigned(watch(connect(company.admin, making.url)), 0)
    watcher = watch(connect(company.admin, other.url))
    unassigned(watcher, 0)
    making.kill()
    company.candidate()
    unassigned(watcher, 1)


def test_live_interviews_are_shown_as_they_go(connect: Connect, meeting: Meeting) -> None:
    here = {"interviewId": meeting.id}
    watcher = watch(connect(meeting.company.admin))
    assert troubles(watcher) == {"candidate": "missing", "interviewer": "missing"}
    cleo, ida = connect(meeting.candidate), connect(meeting.interviewer)
    assert cleo.join(meeting.id, consent={"gaze": True, "recording": False})["ok"]
    assert ida.join(meeting.id)["ok"]
    wait_until(lambda: troubles(watcher) == {"candidate": None, "interviewer": None}, "both")

    poor = {"quality": {"rtt": 900, "level": "poor"}}
    assert cleo.call("mediaState", {**here, **poor})["ok"]
    for text in ("a", "ab", "abc"):
        assert cleo.call("codeUpdate", {**here, "codeSnapshot": text})["ok"]
    # The candidate looks at the screen for one half of the last minute, and away for the rest.
    now = time.time() * 1000
    moments = [round(now) + 100 * number for number in range(-590, 0)]
    samples = [{"t": t, "onScreen": number < 295, "faces": 1} for number, t in enumerate(moments)]
    assert cleo.call("eyeTracking", {**here, "samples": samples})["ok"]

    def shown() -> bool:
        (live,) = watcher.next("dashboard")["live"]
        return bool(live["attention"]["status"] == "ok" and live["editsPerMinute"])

    wait_until(shown, "the attention")
    (live,) = watcher.all("dashboard")[-1]["live"]
    assert 0 < live["attention"]["score"] < 60
    assert live["attention"]["coverage"] > 0.5
    assert live["editsPerMinute"] == 3
    assert live["trouble"]
    candidate, interviewer = live["people"]
    assert (candidate["userId"], candidate["name"]) == (
        meeting.candidate.id,
        meeting.candidate.name,
    )
    assert (candidate["connection"], candidate["trouble"]) == ("poor", "poor_connection")
    assert (candidate["editsPerMinute"], candidate["present"]) == (3, True)
    assert candidate["since"] <= interviewer["since"]
    assert (interviewer["connection"], interviewer["editsPerMinute"]) == (None, 0)


def test_without_redis_each_process_makes_its_own(
    company: Company, start_web: StartWeb, connect: Connect, tmp_path: Path
) -> None:
    with EmbeddedRedis(tmp_path) as redis:
        watcher = watch(connect(company.admin, start_web(REDIS_URL=redis.url).url))
        assert unassigned(watcher, 0)["queue"]["depth"] == 0
        redis.stop()
        company.candidate()
        assert unassigned(watcher, 1)["queue"] == {"depth": None, "oldestAge": None}
        redis.start()
        wait_until(lambda: watcher.next("dashboard")["queue"]["depth"] == 0, "the queue's return")
