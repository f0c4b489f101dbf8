"""Candidates are found by names as people type them."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from pymongo.database import Database

from interview_platform.core.mongo import Document, sync_schema
from interview_platform.wiring import Services
from tests.pool import everybody, send_csv, to_csv
from tests.queries import recorded, stages
from tests.service import Company

PATH = "/api/admin/candidates"
FOUND = {
    "Zoë Ångström": ["zoe", "ZOE", "Zoë", "angst", "ångström", "aangstroem", "zoe ang"],
    "Łukasz Żak": ["lukasz", "łukasz", "zak", "ŻAK"],
    "İpek Yılmaz": ["ipek", "İpek", "IPEK", "yilmaz", "yılmaz", "YILMAZ"],  # noqa: RUF001
    "Jürgen Müller": ["muller", "müller", "mueller", "MÜLLER", "juergen mull"],
    "Shane O’Neil": ["o'neil", "o’neil", "O‘Neil", "oneil", "neil", "o'n"],  # noqa: RUF001
    "Jeanne d'Arc": ["d'arc", "d’arc", "darc", "arc"],  # noqa: RUF001
    "Marie-Claire Côté": ["marie-claire", "marie‑c", "marie claire", "claire", "cote"],  # noqa: RUF001
    "Ludwig Strauß": ["strauss", "strauß", "STRAUẞ"],
    "Søren Ærø": ["soren", "soeren", "søren", "aero", "ærø"],
    "Đorđe Þórsson": ["dorde", "thorsson", "đorđe"],
    "Əli Œuvrard": ["eli", "əli", "oeuvrard"],
    "Grace (Amazing) Hopper": ["(amaz", "hopper"],
    "Ｆｕｌｌ Ｗｉｄｔｈ": ["full", "ｗｉｄｔｈ"],  # noqa: RUF001
    "Ёлкин Андрей": ["елкин", "ёлкин", "андрей"],
    "李小龍": ["李小龍", "李小"],
    "김철수": ["김철수", "김"],
    "がくと": ["がく"],
    "नरेन्द्र मोदी": ["नरेन्द्र"],
    "محمّد": ["محمد"],
    "می\u200cخواهم": ["میخواهم", "می\u200cخواهم"],  # noqa: RUF001
    "Nguyễn Thị Ánh": ["nguyen", "thi anh", "nguyễn"],
}
NOT_FOUND = {
    "Zoë Ångström": ["oe", "zoé x", "gstr", "z.e", "zo*", "^zoe", "'", "-"],
    "がくと": ["かく"],
    "李小龍": ["小龍", "li"],
    "Ада": ["ada"],
}


def names(company: Company, query: str) -> list[str]:
    return [one["name"] for one in everybody(company.admin, q=query)]


def test_a_name_is_found_without_its_accents(company: Company) -> None:
    people = [{"name": name, "email": f"p{n}@example.org"} for n, name in enumerate(FOUND)]
    assert send_csv(company.admin, to_csv(people)).json["created"] == len(people)
    for name, queries in FOUND.items():
        for query in queries:
            for form in ("NFC", "NFD"):
                found = names(company, unicodedata.normalize(form, query))
                assert name in found, (name, query, form)
    for name in FOUND:
        # And as somebody copies it.
        assert name in names(company, name)


@pytest.mark.parametrize("name", NOT_FOUND)
def test_a_name_is_not_found_by_what_it_does_not_begin_with(company: Company, name: str) -> None:
    company.candidate(name=name)
    for query in NOT_FOUND[name]:
        assert names(company, query) == [], query


def test_an_address_is_found_in_either_form(company: Company) -> None:
    company.candidate(name="Ada", email="ada@bücher.example")
    for query in ("ada@bü", "ADA@BUCHER.ex", "ada@bu\u0308cher.example", "ada@xn--bcher-kva.ex"):
        assert names(company, query) == ["Ada"], query


def test_every_write_keeps_a_name_findable(company: Company) -> None:
    person = company.candidate(name="Zoë")
    path = f"{PATH}/{person.id}"
    assert person.put("/api/candidates/me", {"skills": ["Go"]}).status_code == 200
    assert company.admin.patch(path, {"status": "inactive"}).status_code == 200
    assert names(company, "zoe") == ["Zoë"]
    assert company.admin.patch(path, {"name": "Łukasz"}).status_code == 200
    assert (names(company, "lukasz"), names(company, "zoe")) == (["Łukasz"], [])
    assert send_csv(company.admin, "name,email\nİpek,ipek@example.org\n").json["created"] == 1
    assert names(company, "ipek") == ["İpek"]


def test_a_search_uses_its_index(company: Company, database: Database[Document]) -> None:
    company.candidate(name="Zoë Ångström")
    with recorded(database) as commands:
        names(company, "zoe angstrom")
    (asked,) = (each for each in commands if each.get("find") == "candidateprofiles")
    assert "COLLSCAN" not in stages(database, asked)


def test_keys_for_searching_leave_the_service_nowhere(
    company: Company, database: Database[Document]
) -> None:
    person = company.candidate(name="Zoë Ångström")
    answers = [
        company.admin.get(PATH),
        company.admin.get(f"{PATH}/{person.id}"),
        person.get("/api/candidates/me"),
        person.get("/api/candidates/me/export"),
    ]
    for answer in answers:
        assert answer.status_code == 200
        assert "angstrom" not in answer.text
    erase = company.admin.post(f"{PATH}/{person.id}/erase", {"confirm": person.email})
    assert erase.status_code == 204
    for name in database.list_collection_names():
        assert all("angstrom" not in str(document) for document in database[name].find()), name


def test_the_release_phase_makes_older_candidates_findable(
    company: Company, services: Services
) -> None:
    profiles = services.store["candidateprofiles"]
    people = [{"name": f"Zoë {n}", "email": f"zoe{n}@example.org"} for n in range(250)]
    assert send_csv(company.admin, to_csv(people)).json["created"] == 250
    # As earlier versions have left them.
    older: list[dict[str, Any]] = [
        {"$set": {"index.search": ["zoë"]}, "$unset": {"index.version": ""}},
        {"$unset": {"index": ""}},
    ]
    for profile in profiles.find({}, {"_id": True}):
        profiles.update_one({"_id": profile["_id"]}, older[profile["_id"].binary[-1] % 2])
    assert names(company, "zoe") == []
    sync_schema(services.repositories)
    assert len(names(company, "zoe")) == 250
    made = list(profiles.find().sort("_id"))
    sync_schema(services.repositories)
    assert list(profiles.find().sort("_id")) == made
