"""A pool of candidates for tests, made in one go."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from tests.service import Answer, Company, Person

IMPORT = "/api/admin/candidates/import"


def send_csv(admin: Person, content: str | bytes, **query: Any) -> Answer:
    """Send a CSV file to the import."""
    return admin.post(
        IMPORT, data=content, query_string=query, headers={"Content-Type": "text/csv"}
    )


def to_csv(rows: Sequence[dict[str, Any]], delimiter: str = ",") -> str:
    """Write rows as CSV, lists with `|` between their items."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, delimiter=delimiter)
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {name: "|".join(cell) if isinstance(cell, list) else cell for name, cell in row.items()}
        )
    return out.getvalue()


def everybody(admin: Person, **query: Any) -> list[dict[str, Any]]:
    """Return the candidates of a list, page by page, newest first."""
    found: list[dict[str, Any]] = []
    query.setdefault("limit", 200)
    while True:
        answer = admin.get("/api/admin/candidates", **query)
        assert answer.status_code == 200, answer.text
        assert len(answer.json["candidates"]) <= query["limit"]
        found += answer.json["candidates"]
        if answer.json["next"] is None:
            return found
        query["after"] = answer.json["next"]


def fill(company: Company, people: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add invited candidates to an empty pool, and return them in the order given."""
    rows = [
        {"name": f"Person {number}", "email": f"person{number}@example.com", **person}
        for number, person in enumerate(people)
    ]
    answer = send_csv(company.admin, to_csv(rows))
    assert answer.status_code == 200, answer.text
    assert answer.json["created"] == len(rows), answer.text
    return everybody(company.admin)[::-1]
