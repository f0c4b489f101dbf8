"""A socket lives on by a new access token, and says when one is due."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from bson import ObjectId
from pymongo.database import Database

from interview_platform.core.mongo import Document
from interview_platform.core.settings import Settings
from tests.live import SocketPerson, wait_until
from tests.meeting import Connect, Meeting, StartWeb
from tests.realtime.node import run_script
from tests.security.test_tokens import bad_tokens, forged
from tests.service import Answer, Company, Person

# How long after a token's end its socket may be open still.
GRACE = 5.0


def ending_in(settings: Settings, person: Person, seconds: float) -> str:
    """Return an access token of the person's session that ends in so many seconds."""
    end = datetime.now(UTC) + timedelta(seconds=seconds)
    return forged(settings, person.token, exp=int(end.timestamp()))


def end_of(token: str) -> int:
    """Return when a token ends, in ms since the epoch."""
    return int(jwt.decode(token, options={"verify_signature": False})["exp"]) * 1000


def renew(socket: SocketPerson, token: str) -> dict[str, Any]:
    return socket.call("renew", {"token": token})


def test_the_javascript_client_stays_on_by_a_new_token_and_comes_back_without(
    company: Company, settings: Settings, meeting: Meeting, start_web: StartWeb
) -> None:
    cleo = meeting.candidate
    web = start_web()
    first, second = ending_in(settings, cleo, 9), ending_in(settings, cleo, 12)
    leaving = company.staff()
    report = run_script("renew.mjs", web.url, meeting.id, leaving.token, first, second, cleo.token)
    # Warned of each token's end, since each has less than a minute left.
    assert [told["expiresAt"] for told in report["warnings"]] == [end_of(first), end_of(second)]
    assert all(0 < told["expiresInMs"] <= 12_000 for told in report["warnings"])
    assert report["renewed"] == [{"ok": True, "expiresAt": end_of(second)}]
    # It outlived the first, and knows why it was closed in the end.
    assert report["expired"] == {"expiresAt": end_of(second)}
    assert end_of(second) - 100 <= report["closedAt"] <= end_of(second) + GRACE * 1000
    assert report["reason"] == "transport close"
    assert (report["connects"], report["joined"]["ok"]) == (2, True)
    # A session that has ended is over: the client does not come back by itself.
    assert (report["logout"], report["active"]) == (["io server disconnect"], False)


def test_a_token_that_cannot_connect_does_not_renew(
    company: Company, settings: Settings, connect: Connect
) -> None:
    ida, other = company.staff(), company.staff()
    ended = ida.token
    assert ida.post("/api/auth/logout").status_code == 204
    ida.log_in()
    socket = connect(ida)
    refused = {
        **bad_tokens(settings, ida),
        "of an ended session": ended,
        "of somebody else": other.token,
        "of an admin": company.admin.token,
        "a refresh token": ida.refresh_token,
    }
    for what, token in refused.items():
        answer = renew(socket, token)
        assert answer["ok"] is False, what
        assert answer["error"]["code"] in ("unauthorized", "invalid"), what
    for payload in ({}, {"token": 1}, {"token": None}, {"token": ida.token, "more": 1}):
        assert socket.call("renew", payload)["error"]["code"] == "invalid", payload
    # None of them has changed anything.
    assert socket.connected
    assert renew(socket, ida.token) == {"ok": True, "expiresAt": end_of(ida.token)}


def test_a_renewed_socket_follows_the_session_of_its_new_token(
    company: Company, meeting: Meeting, connect: Connect
) -> None:
    ida = meeting.interviewer
    socket, other = connect(ida), connect(meeting.candidate)
    for each in (socket, other):
        assert each.join(meeting.id)["ok"]
    first = ida.token
    ida.log_in()
    assert renew(socket, ida.token)["ok"]
    second, ida.token = ida.token, first
    assert ida.post("/api/auth/logout").status_code == 204
    # The session that it was connected by has ended, and it goes on where it was.
    here = {"interviewId": meeting.id, "message": "still here"}
    with pytest.raises(AssertionError):
        other.next("userLeft", GRACE)
    assert socket.call("chatMessage", here)["ok"]
    ida.token = second
    causes: list[Callable[[], Answer]] = [
        lambda: ida.post("/api/auth/logout"),
        lambda: company.admin.patch(f"/api/admin/users/{ida.id}", {"role": "admin"}),
        lambda: company.admin.patch(f"/api/admin/users/{ida.id}", {"status": "inactive"}),
    ]
    for number, end in enumerate(causes):
        if number:
            former = ida.log_in().token
            socket = connect(ida)
            renewed = ida.log_in().token
            assert former != renewed
            assert renew(socket, renewed)["ok"]
        assert end().status_code in (200, 204)
        wait_until(lambda: not socket.connected, f"the end by cause {number}", GRACE)  # noqa: B023


def test_a_token_of_another_role_does_not_renew(
    company: Company, connect: Connect, database: Database[Document]
) -> None:
    """The socket is in the rooms of its own role."""
    ida = company.staff()
    socket = connect(ida)
    ida.log_in()
    session = jwt.decode(ida.token, options={"verify_signature": False})["sid"]
    query = {"_id": ObjectId(session)}
    assert database["sessions"].update_one(query, {"$set": {"role": "admin"}}).modified_count
    assert renew(socket, ida.token)["error"]["code"] == "unauthorized"
    assert socket.call("watchDashboard", {})["error"]["code"] == "forbidden"


def test_who_waits_renews_as_well(company: Company, settings: Settings, connect: Connect) -> None:
    ahead = Meeting(company, live=False)
    cleo = ahead.candidate
    kept = cleo.token
    cleo.token = ending_in(settings, cleo, 7)
    renewing, idle = connect(cleo), connect(cleo)
    for socket in (renewing, idle):
        assert socket.join(ahead.id)["waiting"]
    assert renewing.next("tokenExpiring")["expiresAt"] == end_of(cleo.token)
    assert renew(renewing, kept)["ok"]
    wait_until(lambda: not idle.connected, "the end of the idle one", 7 + GRACE)
    assert idle.all("tokenExpired") == [{"expiresAt": end_of(cleo.token)}]
    assert renewing.connected
    ahead.start()
    assert renewing.next("admitted")["status"] == "live"
    assert len(renewing.all("tokenExpiring")) == 1
    assert not renewing.all("tokenExpired")
