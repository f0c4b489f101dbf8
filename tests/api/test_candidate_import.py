"""Candidates out of CSV files, good and bad."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from flask import Flask
from pymongo.database import Database

from interview_platform.core.mongo import Document
from tests.live import WebProcess
from tests.pool import IMPORT, everybody, send_csv, to_csv
from tests.service import Company, Person

CSV = {"Content-Type": "text/csv"}
# A space of no width, a byte order mark, a mark of direction, and a space that does not break.
NOBODY_SEES = "\u200b\ufeff\u202e\u00a0\u200b"
FILE = (
    "name,email,phone,skills,tags,experienceYears,resumeUrl,timezone,notes\n"
    "Ada Lovelace, ADA@example.com ,+49 30 123456,Python|SQL,backend,7.5,"
    "https://example.com/ada.pdf,Europe/London,Met at the fair.\n"
    "Bob Noyce,bob@example.com,,,,,,,\n"
)
BOTH_TAKEN = {
    "created": 2,
    "skipped": 0,
    "duplicates": [],
    "rejectedCount": 0,
    "rejected": [],
    "unknownColumns": [],
}
ROWS = "name,email\nAda,ada@example.com\nBob,bob@example.com\n"


def created(company: Company) -> list[dict[str, Any]]:
    """Return the candidates in the order of their rows."""
    return everybody(company.admin)[::-1]


def test_each_row_makes_a_candidate(company: Company, database: Database[Document]) -> None:
    answer = send_csv(company.admin, FILE)
    assert answer.status_code == 200, answer.text
    assert answer.json == BOTH_TAKEN
    ada, bob = created(company)
    assert (ada["name"], ada["email"], ada["status"]) == (
        "Ada Lovelace",
        "ada@example.com",
        "invited",
    )
    assert (ada["phone"], ada["timezone"]) == ("+4930123456", "Europe/London")
    profile = ada["profile"]
    assert (profile["skills"], profile["tags"]) == (["Python", "SQL"], ["backend"])
    assert profile["experienceYears"] == 7.5
    assert profile["resumeUrl"] == "https://example.com/ada.pdf"
    assert profile["notes"] == "Met at the fair."
    assert profile["lotStatus"] == "unassigned"
    assert (bob["name"], bob["profile"]["skills"]) == ("Bob Noyce", [])
    assert [one["name"] for one in everybody(company.admin, q="love", skill="sql")] == [
        "Ada Lovelace"
    ]
    # An import is no reason to write to thousands.
    assert database["notifications"].count_documents({}) == 0


def test_files_of_many_makers_say_the_same(company: Company, database: Database[Document]) -> None:
    same = {
        "BOM": FILE.encode("utf-8-sig"),
        "CRLF": FILE.replace("\n", "\r\n").encode(),
        "CR": FILE.replace("\n", "\r").encode(),
        "no end": FILE.rstrip("\n").encode(),
        "semicolons": FILE.replace(",", ";").replace("7.5", "7,5").encode(),
        "surplus commas": FILE.replace(".\n", ".,,\n").replace(",,\n", ",,, ,\n").encode(),
        "sep=;": ("sep=;\n" + FILE.replace(",", ";").replace("7.5", "7,5")).encode("utf-8-sig"),
        "SEP=,": b"\nSEP=, \r\n\n" + FILE.encode(),
        "header": FILE.replace("name,email,phone", '"Name", EMAIL ,Phone').encode(),
        "blank lines": b"\n\n" + FILE.replace("\nBob", "\n,,,\n\nBob").encode(),
        "commas in a cell": FILE.replace("Python|SQL", '"Python, SQL;python"').encode(),
    }
    for maker, content in same.items():
        answer = send_csv(company.admin, content)
        assert answer.status_code == 200, (maker, answer.text)
        assert answer.json == BOTH_TAKEN, maker
        ada, bob = created(company)
        assert (ada["name"], bob["name"]) == ("Ada Lovelace", "Bob Noyce"), maker
        profile = ada["profile"]
        assert (profile["skills"], profile["experienceYears"]) == (["Python", "SQL"], 7.5), maker
        for collection in ("users", "candidateprofiles"):
            database[collection].delete_many({"role": {"$ne": "admin"}})


def test_names_of_all_scripts_come_through(company: Company) -> None:
    send_csv(company.admin, "name,email\nZoë Ångström,z@example.com\n李小龍,l@example.com\n")
    assert [one["name"] for one in created(company)] == ["Zoë Ångström", "李小龍"]


def test_a_form_may_carry_the_file(company: Company) -> None:
    answer = company.admin.post(IMPORT, data={"file": (io.BytesIO(ROWS.encode()), "people.csv")})
    assert answer.status_code == 200, answer.text
    assert answer.json["created"] == 2


def test_columns_that_nobody_knows_are_named_and_passed_over(company: Company) -> None:
    content = "shoeSize,name,email,password,role,\n43,Ada,ada@example.com,horse,admin,\n"
    answer = send_csv(company.admin, content)
    assert answer.json["created"] == 1
    assert answer.json["unknownColumns"] == ["shoeSize", "password", "role"]
    assert created(company)[0]["status"] == "invited"


def test_a_bad_row_stops_no_other_and_is_told_by_its_line(company: Company) -> None:
    content = (
        "name,email,experienceYears,skills,notes\n"  # 1
        "Ada,ada@example.com,7,,\n"  # 2
        ",nobody,,,\n"  # 3
        '"Bob","bob@example.com",,,"two\nlines"\n'  # 4 and 5
        "Cid,cid@example.com,many,,\n"  # 6
        '"Dan,dan@example.com,,,\n'  # 7, its quotation mark never closed
        "Eve,eve@example.com,,,\n"  # 8
        'Fay,fay@example.com,,"a"b,\n'  # 9
        "Gil,gil@example.com,,,,,x\n"  # 10
        f"Hal,hal@example.com,,{'x' * 65}|{'y' * 65}|ok,\n"  # 11
        f"Ian,ian@example.com,,,{'x' * 200_000}\n"  # 12
        "Joe,joe@example.com,-1,,\n"  # 13
        "Kim,kim@example.com\n"  # 14
        f"Lea,lea@example.com,,{'x' * 65}|{NOBODY_SEES}|=x|\0,\n"  # 15
    )
    answer = send_csv(company.admin, content)
    assert answer.status_code == 200, answer.text
    unreadable = {"row": ["Its quotation marks do not match, or a cell is far too long."]}
    assert answer.json["rejected"] == [
        {
            "line": 3,
            "errors": {
                "name": ["Missing data for required field."],
                "email": ["Not a valid email address."],
            },
        },
        {"line": 6, "errors": {"experienceYears": ["Not a valid number."]}},
        {"line": 7, "errors": unreadable},
        {"line": 9, "errors": unreadable},
        {"line": 10, "errors": {"row": ["It has more cells than there are columns."]}},
        {"line": 11, "errors": {"skills": ["Longer than maximum length 64."]}},
        {"line": 12, "errors": unreadable},
        {"line": 13, "errors": {"experienceYears": ["Not a valid number."]}},
        {"line": 15, "errors": {"skills": answer.json["rejected"][-1]["errors"]["skills"]}},
    ]
    # Of a cell with many faults the first few are told.
    assert len(answer.json["rejected"][-1]["errors"]["skills"]) == 3
    assert answer.json["rejectedCount"] == 9
    assert (answer.json["created"], answer.json["skipped"]) == (4, 0)
    assert [one["name"] for one in created(company)] == ["Ada", "Bob", "Eve", "Kim"]
    assert created(company)[1]["profile"]["notes"] == "two\nlines"


def test_an_address_that_is_known_or_comes_twice_is_skipped(company: Company) -> None:
    company.candidate(name="Known", email="known@example.com")
    content = (
        "name,email\nNew,KNOWN@example.com\nAda,ada@example.com\nTwin,Ada@example.com\n"
        ",cid@example.com\nCid,cid@example.com\n"
    )
    answer = send_csv(company.admin, content)
    assert (answer.json["created"], answer.json["skipped"]) == (2, 2)
    assert [row["line"] for row in answer.json["rejected"]] == [5]
    assert [one["name"] for one in created(company)] == ["Known", "Ada", "Cid"]
    again = send_csv(company.admin, content)
    assert (again.json["created"], again.json["skipped"]) == (0, 4)


def test_a_dry_run_tells_and_writes_nothing(company: Company, database: Database[Document]) -> None:
    company.candidate(email="ada@example.com")
    kept = {name: database[name].count_documents({}) for name in database.list_collection_names()}
    answer = send_csv(company.admin, ROWS + ",x\n", dryRun="true", invite="true")
    assert (answer.json["created"], answer.json["skipped"]) == (1, 1)
    assert len(answer.json["rejected"]) == 1
    assert kept == {name: database[name].count_documents({}) for name in kept}
    assert send_csv(company.admin, ROWS).json["created"] == 1


def test_who_is_invited_is_written_to(company: Company, database: Database[Document]) -> None:
    send_csv(company.admin, ROWS, invite="true")
    notices = list(database["notifications"].find())
    assert {str(notice["user"]) for notice in notices} == {one["id"] for one in created(company)}
    assert {notice["template"] for notice in notices} == {"account_invitation"}


def test_no_formula_comes_in(company: Company) -> None:
    # Full-width signs, too: some spreadsheets take them for the others.
    signs = ["=", "+", "-", "@", "\t=", "\r=", " =", "\uff1d", "\uff0b", "\uff0d", "\uff20"]
    # What hides a sign from the reader hides it from no spreadsheet.
    signs += [f"{NOBODY_SEES}{sign}" for sign in signs]
    columns = ["name", "email", "skills", "tags", "notes"]
    for column in columns:
        cells = [f"{sign}cmd{number}@example.com" for number, sign in enumerate(signs)]
        if column in ("skills", "tags"):
            cells += [f"fine|{cell}" for cell in cells]
        rows = [{"name": "Eve", "email": f"eve{n}@example.com"} for n in range(len(cells))]
        content = to_csv([{**row, column: cell} for row, cell in zip(rows, cells, strict=True)])
        answer = send_csv(company.admin, content)
        assert answer.json["created"] == 0, answer.text
        assert [[*row["errors"]] for row in answer.json["rejected"]] == [[column]] * len(cells)


def test_a_name_can_be_seen(company: Company) -> None:
    rows = [{"name": NOBODY_SEES, "email": "eve@example.com"}]
    answer = send_csv(company.admin, to_csv(rows))
    assert [[*row["errors"]] for row in answer.json["rejected"]] == [["name"]]
    named = {"name": "\u200e\u00a0Ada", "email": "ada@example.com"}
    assert company.admin.post("/api/admin/candidates", named).status_code == 201
    for body in ({"name": NOBODY_SEES}, {"name": "\u2003 \u00a0"}):
        path = f"/api/admin/candidates/{created(company)[0]['id']}"
        refused = company.admin.patch(path, body)
        assert refused.status_code == 422
        assert list(refused.json["errors"]["json"]) == ["name"]


def test_a_telephone_number_is_no_formula(company: Company) -> None:
    rows = [
        {"name": "Ada", "email": "ada@example.com", "phone": "+49 30 123456"},
        {"name": "Eve", "email": "eve@example.com", "phone": "+49 30 123456+cmd|' /C calc'!A0"},
        {"name": "Fay", "email": "fay@example.com", "phone": "=+4930123456"},
    ]
    answer = send_csv(company.admin, to_csv(rows))
    assert [row["line"] for row in answer.json["rejected"]] == [3]
    assert [one["phone"] for one in created(company)] == ["+4930123456"] * 2


def test_a_file_that_cannot_be_taken_is_refused_as_a_whole(
    company: Company, database: Database[Document]
) -> None:
    refused = [
        (b"", 422),
        (b" \n\n", 422),
        (b"name\nAda\n", 422),
        (b"name,email," + b"x" * 200_000 + b"\nAda,ada@example.com\n", 422),
        (b"Ada,ada@example.com\n", 422),
        (b"name,email,Name\nAda,ada@example.com,Bob\n", 422),
        (b"name,email" + b",x" * 99 + b"\n", 422),
        ("name,email\nZoë,z@example.com\n".encode("latin-1"), 422),
        (ROWS.encode("utf-32"), 422),
        (ROWS.encode("utf-16-le"), 422),
        (b"\x89PNG\r\n\x1a\n\0\0", 422),
        (b"sep=;\n" + ROWS.encode(), 422),
        (b"sep=;\n", 422),
        (b"sep=|\n" + ROWS.replace(",", "|").encode(), 422),
        (b"name,email\n" + b"a,b\n" * 10_001, 413),
        (b"name,email\n" * 200_001, 413),
        (b"name,email\nA,a@example.com\n" + b"x" * (8 * 1024 * 1024), 413),
    ]
    for content, status in refused:
        answer = send_csv(company.admin, content)
        assert answer.status_code == status, (content[:50], answer.text)
    assert database["candidateprofiles"].count_documents({}) == 0


def test_a_file_in_another_charset_is_not_taken_for_utf_8(company: Company) -> None:
    for charset, status in (
        ("iso-8859-1", 422),
        ("utf-16be", 422),
        ("no-such-charset", 422),
        ("utf-8", 200),
        ('"UTF-8"', 200),
        ("windows-1252", 200),
        # Without a mark nothing tells in which order its bytes are.
        ("utf-16", 422),
    ):
        said = {"Content-Type": f"text/csv; charset={charset}"}
        sent = company.admin.post(IMPORT, data=ROWS.encode(), headers=said)
        assert sent.status_code == status, charset
        file = (io.BytesIO(ROWS.encode()), "people.csv", said["Content-Type"])
        in_a_form = company.admin.post(IMPORT, data={"file": file})
        assert in_a_form.status_code == status, charset
    refused = company.admin.post(
        IMPORT, data=b"", headers={"Content-Type": "text/csv; charset=latin1"}
    )
    assert refused.json["errors"] == {
        "csv": {"file": ["The file must be text in UTF-8, or in UTF-16 with a byte order mark."]}
    }


def test_what_is_no_csv_file_is_refused(company: Company) -> None:
    options: list[dict[str, Any]] = [
        {"json": [{"name": "Ada"}]},
        {"data": ROWS.encode(), "headers": {"Content-Type": "text/plain"}},
        {"data": {"people": (io.BytesIO(ROWS.encode()), "people.csv")}},
        {"data": {"file": ROWS}},
        {},
    ]
    for option in options:
        assert company.admin.post(IMPORT, **option).status_code == 415, option


def test_a_query_that_means_nothing_is_refused(company: Company) -> None:
    assert send_csv(company.admin, ROWS, dryRun="perhaps").status_code == 422
    assert send_csv(company.admin, ROWS, status="active").status_code == 422
    assert created(company) == []


def test_two_imports_of_one_file_at_once_make_everybody_once(company: Company, app: Flask) -> None:
    rows = [{"name": f"P {n}", "email": f"p{n}@example.com"} for n in range(300)]
    content = to_csv(rows)

    def send(_: int) -> Any:
        admin = Person(app.test_client(), token=company.admin.token)
        answer = send_csv(admin, content)
        assert answer.status_code == 200, answer.text
        return answer.json

    with ThreadPoolExecutor(3) as pool:
        reports = list(pool.map(send, range(3)))
    assert sum(report["created"] for report in reports) == 300
    assert sum(report["skipped"] for report in reports) == 600
    emails = [one["email"] for one in everybody(company.admin)]
    assert sorted(emails) == sorted(row["email"] for row in rows)


def test_others_are_served_while_10_000_rows_are_read(company: Company, web: WebProcess) -> None:
    # Rows that are read and refused: the store, which would give others their turn, has no part.
    content = b"name,email\n" + b"".join(b"Person %d,nobody\n" % n for n in range(10_000))
    headers = {**CSV, "Authorization": f"Bearer {company.admin.token}"}

    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(
            requests.post, web.url + IMPORT, data=content, headers=headers, timeout=60
        )
        served = 0
        while not answer.done():
            served += requests.get(f"{web.url}/health", timeout=60).ok
    report = answer.result().json()
    assert report["rejectedCount"] == 10_000
    # What goes out in one go is bounded.
    assert [row["line"] for row in report["rejected"]] == [*range(2, 1_002)]
    # A process that read the file in one go would have answered a few at its ends.
    assert served >= 20
