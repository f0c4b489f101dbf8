"""Phone numbers are kept whole, or refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pool import send_csv, to_csv
from tests.service import Company

EXTENSION = "Must not have an extension: a message would go to the switchboard."
NOT_A_NUMBER = "Not a phone number with a country code, such as +4930123456."
KEPT = {
    "+4930123456": "+4930123456",
    "+49 (0)30 123456": "+4930123456",
    "+49 30/123456": "+4930123456",
    "+49 (30) / 12 34-56": "+4930123456",
    "+49.30.123456": "+4930123456",
    "+49\u00a030\u2011123456": "+4930123456",
    "tel:+49-30-123456": "+4930123456",
    "=+4930123456": "+4930123456",
    "＋４９３０１２３４５６": "+4930123456",  # noqa: RUF001
    "+٤٩٣٠١٢٣٤٥٦": "+4930123456",
    # A direct line is a number of its own.
    "+49 30 123456-12": "+493012345612",
    "+1 202-555-0143": "+12025550143",
    "+39 06 1234567": "+39061234567",
}
REFUSED = {
    "+49 30 123456 ext. 12": EXTENSION,
    "+49 30 123456 ext 12": EXTENSION,
    "+49 30 123456 extn. 12": EXTENSION,
    "+49 30 123456x12": EXTENSION,
    "+49 30 123456 X 12": EXTENSION,
    "+49 30 123456 #12": EXTENSION,
    "+49 30 123456,12": EXTENSION,
    "+49 30 123456,,12#": EXTENSION,
    "+49 30 123456;12": EXTENSION,
    "+49 30 123456;ext=12": EXTENSION,
    "tel:+49-30-123456;ext=12": EXTENSION,
    "+49 30 123456 доб. 12": EXTENSION,
    "+49 30 123456~12": EXTENSION,
    "+49 30 123456p12": NOT_A_NUMBER,
    "+49 30 123456 DW 12": NOT_A_NUMBER,
    "+1 800 FLOWERS": NOT_A_NUMBER,
    "Tel. +49 30 123456": NOT_A_NUMBER,
    "+49 30 123456 (home)": NOT_A_NUMBER,
    "+49 30 123456 (Mobil)": NOT_A_NUMBER,
    "+49 30 123456\u200b": NOT_A_NUMBER,
    "+49 30 123456 / 654321": NOT_A_NUMBER,
    "+49 30 123456/57": NOT_A_NUMBER,
    "+4930123456/+4930654321": NOT_A_NUMBER,
    "+4930123456 +4930654321": NOT_A_NUMBER,
    "+4930123456 or +4930654321": NOT_A_NUMBER,
    "+4930123456\n+4930654321": NOT_A_NUMBER,
    "030 123456": NOT_A_NUMBER,
    "0049 30 123456": NOT_A_NUMBER,
    "+49 110": NOT_A_NUMBER,
    "+1 555 0143": NOT_A_NUMBER,
    "+49 30 12345678901234": NOT_A_NUMBER,
    "+": NOT_A_NUMBER,
}


def with_phone(number: int, phone: str) -> dict[str, Any]:
    return {"name": f"P {number}", "email": f"p{number}@example.org", "phone": phone}


def test_a_phone_number_is_kept_in_one_form(company: Company) -> None:
    for number, (phone, kept) in enumerate(KEPT.items()):
        answer = company.admin.post("/api/admin/candidates", with_phone(number, phone))
        assert answer.status_code == 201, (phone, answer.text)
        assert answer.json["user"]["phone"] == kept, phone


@pytest.mark.parametrize("path", ["/api/admin/candidates", "/api/admin/users"])
def test_a_number_of_which_something_would_be_left_out_is_refused(
    company: Company, path: str
) -> None:
    for number, (phone, message) in enumerate(REFUSED.items()):
        body = with_phone(number, phone)
        if path.endswith("users"):
            body["role"] = "interviewer"
        answer = company.admin.post(path, body)
        assert answer.status_code == 422, (phone, answer.text)
        assert answer.json["errors"]["json"]["phone"] == [message], phone


def test_an_import_refuses_the_same_numbers(company: Company) -> None:
    rows = [with_phone(number, phone) for number, phone in enumerate(REFUSED)]
    answer = send_csv(company.admin, to_csv(rows))
    assert answer.json["created"] == 0
    faults = [row["errors"]["phone"] for row in answer.json["rejected"]]
    assert faults == [[message] for message in REFUSED.values()]


def test_candidates_cannot_give_such_a_number_of_themselves(company: Company) -> None:
    answer = company.candidate().put("/api/candidates/me", {"phone": "+49 30 123456 ext. 12"})
    assert answer.status_code == 422
    assert answer.json["errors"]["json"]["phone"] == [EXTENSION]
