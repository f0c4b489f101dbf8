"""Fills the pool with believable people: `python -m tools.seed [HOW MANY]`."""

from __future__ import annotations

import csv
import io
import sys

from faker import Faker

from .client import admin, service_url

SKILLS = (
    "Python",
    "Go",
    "Rust",
    "TypeScript",
    "React",
    "SQL",
    "Kubernetes",
    "Java",
    "C++",
    "Kafka",
)
TAGS = ("referral", "remote", "berlin", "career-fair", "returning", "graduate")
ZONES = ("Europe/Berlin", "Europe/London", "America/New_York", "Asia/Kolkata", "Asia/Tokyo")


def people(count: int) -> str:
    """Return `count` candidates as the CSV that the import takes."""
    fake = Faker()
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(("name", "email", "skills", "tags", "experienceYears", "timezone"))
    for _ in range(count):
        name = fake.name()
        rows.writerow(
            (
                name,
                f"{fake.unique.user_name()}.{fake.random_number(6)}@example.com",
                "|".join(fake.random_elements(SKILLS, length=fake.random_int(2, 5), unique=True)),
                "|".join(fake.random_elements(TAGS, length=fake.random_int(0, 2), unique=True)),
                fake.random_int(0, 20),
                fake.random_element(ZONES),
            )
        )
    return out.getvalue()


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    client = admin(service_url())
    answer = client.post(
        "/api/admin/candidates/import",
        data=people(count).encode(),
        headers={"Content-Type": "text/csv"},
    )
    print(f"{answer['created']} candidates created, {answer['skipped']} known already.")
    for body in (
        {"name": "Pythonistas", "criteria": {"skills": ["Python"]}},
        {"name": "Seniors", "criteria": {"experienceMin": 8, "experienceMax": 20}},
    ):
        lot = client.post("/api/admin/lots", body)["lot"]
        print(f"Lot {lot['name']}: {lot['id']}")


if __name__ == "__main__":
    main()
