"""CSV files as spreadsheets and other programs write them: encodings, delimiters, quotes."""

from __future__ import annotations

import codecs
from typing import Any

import pytest

from tests.pool import IMPORT, everybody, send_csv
from tests.service import Company

LONG_CELL = "\n".join(f"Ref {number},ref{number}@example.org" for number in range(1, 251))
MISMATCHED = "Its quotation marks do not match, or a cell is far too long."
NEVER_CLOSED = "A quotation mark in it is never closed; nothing after it is read."
ZOE = "name,email\nZoë Ray,zoe@example.org\n"
LUKASZ = "name;email\nŁukasz Żak;lukasz@example.org\n"
GERMAN = "name;email\r\nJörg Weiß;joerg@example.org\r\n"


def refusal(answer: Any) -> str:
    assert answer.status_code == 422, answer.text
    (message,) = answer.json["errors"]["csv"]["file"]
    assert isinstance(message, str)
    return message


def pool(company: Company) -> list[str]:
    return [one["name"] for one in everybody(company.admin)][::-1]


def test_a_quoted_cell_may_have_hundreds_of_lines(company: Company) -> None:
    answer = send_csv(
        company.admin,
        f'name,email,notes\nAda Ray,ada@example.org,short\nBo Lin,bo@example.org,"{LONG_CELL}"\n'
        "Cy,nobody,\n",
    )
    assert (answer.json["created"], pool(company)) == (2, ["Ada Ray", "Bo Lin"])
    assert everybody(company.admin)[0]["profile"]["notes"] == LONG_CELL
    # The line of the row after it counts the lines of the cell.
    assert [row["line"] for row in answer.json["rejected"]] == [3 + 250]


@pytest.mark.parametrize("broken", ['"{}"x', '"{}" "x"', '"{}\n"Ref" x"'])
def test_a_long_cell_with_a_fault_makes_no_people(company: Company, broken: str) -> None:
    content = (
        f"name,email,notes\nBo,bo@example.org,{broken.format(LONG_CELL)}\nCy,cy@example.org,\n"
    )
    answer = send_csv(company.admin, content)
    assert pool(company) == ["Cy"]
    (rejected,) = answer.json["rejected"]
    last = content.count("\n") - 1
    assert rejected["line"] == 2
    assert rejected["errors"]["row"][0].endswith(f"as far as line {last}.")


ONE_FAULT: dict[str, tuple[str, list[str], list[int]]] = {
    # A quoted cell closes it, so the quotation mark of line 2 was forgotten.
    "forgotten, then a quoted cell": (
        'A,"a@example.org\nB,b@example.org\nC,c@example.org,"x"\n',
        ["B", "C"],
        [2],
    ),
    "forgotten in a file of quoted cells": (
        '"A","a@example.org\n"B","b@example.org"\n"C","c@example.org"\n',
        ["B", "C"],
        [2],
    ),
    "forgotten in the first of two cells": (
        'A,a@example.org,"x,"y"\nB,b@example.org,\n',
        ["B"],
        [2],
    ),
    "text after a quoted cell": (
        'A,a@example.org,"x"y\nB,b@example.org,\n',
        ["B"],
        [2],
    ),
    "text after a quoted cell, then a quoted cell of two lines": (
        'A,"a"b,"x\nX,x@example.org"\nB,b@example.org,\n',
        ["B"],
        [2],
    ),
    "text after a quoted cell of two lines": (
        'A,a@example.org,"x\nX,x@example.org"y\nB,b@example.org,\n',
        ["B"],
        [2],
    ),
    "two rows of two lines": (
        'A,"a@example.org",",\n"\nB,none,"\n\n"\nC,c@example.org,\nD,none,\n',
        ["A", "C"],
        [4, 8],
    ),
    "too many cells, one of two lines": (
        'A,a@example.org,"x\ny",z\nB,b@example.org,\n',
        ["B"],
        [2],
    ),
    "too few cells": ("A\nB,b@example.org\n", ["B"], [2]),
    "a quotation mark within a cell": ('A "Al" Ray,a@example.org,5" tall\n', ['A "Al" Ray'], []),
}


@pytest.mark.parametrize("rows", ONE_FAULT)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_a_record_is_one_fault_told_by_its_first_line(
    company: Company, rows: str, line_end: str
) -> None:
    content, names, lines = ONE_FAULT[rows]
    answer = send_csv(company.admin, f"name,email,notes\n{content}".replace("\n", line_end))
    assert pool(company) == names
    assert [row["line"] for row in answer.json["rejected"]] == lines


def test_what_follows_a_quotation_mark_that_is_never_closed_makes_no_people(
    company: Company,
) -> None:
    content = 'name,email,notes\nA,a@example.org,\nB,b@example.org,"' + LONG_CELL + "\n"
    answer = send_csv(company.admin, content)
    assert pool(company) == ["A"]
    assert answer.json["rejected"] == [{"line": 3, "errors": {"row": [NEVER_CLOSED]}}]


def test_quotation_marks_that_never_match_take_no_time(company: Company) -> None:
    # Each line, taken for the first, leaves a cell open as far as the last.
    content = "name,email\n" + 'x","\n' * 150_000 + 'x","y"y\n'
    answer = send_csv(company.admin, content)
    assert answer.status_code in (200, 413), answer.text
    assert pool(company) == []


@pytest.mark.parametrize(
    ("row", "skills", "notes"),
    [
        ('Ada,ada@example.org, "Python, Go",', ["Python", "Go"], None),
        ('Ada,ada@example.org,   "Python",  "a ""b"", c"', ["Python"], 'a "b", c'),
        (' "Ada", "ada@example.org", Python, a "b" c', ["Python"], 'a "b" c'),
    ],
)
def test_a_space_may_stand_before_a_quoted_cell(
    company: Company, row: str, skills: list[str], notes: str | None
) -> None:
    answer = send_csv(company.admin, f"name,email,skills,notes\n{row}\n")
    assert answer.json["created"] == 1, answer.text
    profile = everybody(company.admin)[0]["profile"]
    assert (profile["skills"], profile["notes"]) == (skills, notes)


HEADINGS = [
    ('name,email,"Years\n(total)",phone', "Years (total)"),
    ('name,email,"Years \r\n\r\n (total)",phone', "Years (total)"),
    ('"na\tme","phone",name,email', "na me"),
]


@pytest.mark.parametrize(("heading", "unknown"), HEADINGS)
def test_a_heading_may_have_a_line_break(company: Company, heading: str, unknown: str) -> None:
    columns = {"name": "Ada", "email": "ada@example.org", "phone": "+493012345678"}
    cells = [columns.get(name, "4") for name in heading.replace('"', "").split(",")]
    answer = send_csv(company.admin, f"{heading}\n{','.join(cells)}\nBo,nobody\n")
    assert (answer.json["created"], answer.json["unknownColumns"]) == (1, [unknown])
    assert everybody(company.admin)[0]["phone"] == "+493012345678"
    breaks = len((heading + "\n").splitlines())
    assert [row["line"] for row in answer.json["rejected"]] == [breaks + 2]


def test_known_columns_may_be_broken_over_lines_too(company: Company) -> None:
    content = '"name\n",email,"\nExperienceYears"\nAda,ada@example.org,4\n'
    answer = send_csv(company.admin, content)
    assert (answer.json["created"], answer.json["unknownColumns"]) == (1, [])
    assert everybody(company.admin)[0]["profile"]["experienceYears"] == 4


def test_columns_that_cannot_be_read_are_told(company: Company) -> None:
    assert "never closed" in refusal(send_csv(company.admin, 'name,"email\nAda,a@example.org\n'))
    assert "empty" in refusal(send_csv(company.admin, b""))


@pytest.mark.parametrize(
    "content",
    [
        "name\temail\tskills\nAda Ray\tada@example.org\tPython;Go\n",
        "sep=\t\nname\temail\tskills\nAda Ray\tada@example.org\tPython,Go\n",
        "skills\tname\tshoe, left; right\temail\nPython|Go\tAda Ray\t43\tada@example.org\t\t\n",
        'name;email;skills\n"Ada Ray";ada@example.org;Python,Go\n',
    ],
)
def test_tabs_and_semicolons_are_delimiters(company: Company, content: str) -> None:
    answer = send_csv(company.admin, content)
    assert answer.json["created"] == 1, answer.text
    assert pool(company) == ["Ada Ray"]
    assert everybody(company.admin)[0]["profile"]["skills"] == ["Python", "Go"]


def test_tab_separated_values_may_be_sent_as_what_they_are(company: Company) -> None:
    answer = company.admin.post(
        IMPORT,
        data=b"name\temail\nAda\tada@example.org\n",
        headers={"Content-Type": "text/tab-separated-values"},
    )
    assert answer.json["created"] == 1, answer.text


READ = {
    "UTF-8": ZOE.encode(),
    "UTF-8, marked": codecs.BOM_UTF8 + ZOE.encode(),
    # What Excel saves as "Unicode text".
    "UTF-16, little end first": codecs.BOM_UTF16_LE
    + ZOE.replace(",", "\t").replace("\n", "\r\n").encode("utf-16-le"),
    "UTF-16, big end first": codecs.BOM_UTF16_BE + ZOE.encode("utf-16-be"),
}


@pytest.mark.parametrize("content", READ.values(), ids=READ)
def test_an_encoding_is_recognised_by_its_mark(company: Company, content: bytes) -> None:
    answer = send_csv(company.admin, content)
    assert answer.json["created"] == 1, answer.text
    assert pool(company) == ["Zoë Ray"]


def test_windows_1252_is_read_where_the_sender_names_it(company: Company) -> None:
    content = GERMAN.replace("ö", "ö\u201e").encode("cp1252")
    said = {"Content-Type": "text/csv; charset=Windows-1252"}
    answer = company.admin.post(IMPORT, data=content, headers=said)
    assert answer.json["created"] == 1, answer.text
    assert pool(company) == ["Jö„rg Weiß"]


NOT_READ = {
    "Windows-1252": (GERMAN.encode("cp1252"), "perhaps in Windows-1252: see line 2"),
    "Windows-1250": (LUKASZ.encode("cp1250"), "perhaps in Windows-1252: see line 2"),
    "Latin-1, CR": (b"name,email\rA,a@x.org\rZo\xeb,z@x.org\r", "Windows-1252: see line 3"),
    "UTF-16, unmarked": (ZOE.encode("utf-16-le"), "UTF-16 without a byte order mark"),
    "UTF-16, unmarked, big end": (ZOE.encode("utf-16-be"), "UTF-16 without a byte order mark"),
    "UTF-16, cut off": (codecs.BOM_UTF16_LE + ZOE.encode("utf-16-le")[:-1], "must be text"),
    "UTF-32": (codecs.BOM_UTF32_LE + ZOE.encode("utf-32-le"), "must be text"),
    "an image": (b"\x89PNG\r\n\x1a\n\0\0", "must be text"),
    "no character of Windows-1252": (b"name,email\nA\x81,a@x.org\n", "must be text"),
}


@pytest.mark.parametrize("name", NOT_READ)
def test_another_encoding_is_refused_by_name(company: Company, name: str) -> None:
    content, message = NOT_READ[name]
    assert message in refusal(send_csv(company.admin, content))
    assert pool(company) == []


def test_duplicates_are_named(company: Company) -> None:
    company.candidate(email="known@example.org")
    content = (
        'name,email,notes\nAda,ada@example.org,"two\nlines"\nNew,KNOWN@example.org,\n'
        "Twin, Ada@example.org ,\nTwin,known@Example.org,\n"
    )
    for dry_run in ("true", "false"):
        answer = send_csv(company.admin, content, dryRun=dry_run)
        assert (answer.json["created"], answer.json["skipped"]) == (1, 3)
        assert answer.json["duplicates"] == [
            {"line": 4, "email": "known@example.org", "firstLine": None},
            {"line": 5, "email": "ada@example.org", "firstLine": 2},
            {"line": 6, "email": "known@example.org", "firstLine": 4},
        ]
