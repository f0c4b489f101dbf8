"""The forms of an e-mail address."""

from __future__ import annotations

import pytest

from interview_platform.core.addresses import (
    canonical_email,
    deliverable_email,
    email_forms,
    readable_email,
)


@pytest.mark.parametrize(
    ("address", "canonical"),
    [
        (" Ada@Example.COM\n", "ada@example.com"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ("ada@faß.example", "ada@xn--fa-hia.example"),
        ("ÄDA@example.com", "Äda@example.com"),
        ("ada@ab--cd.example", "ada@ab--cd.example"),
        ("ada@under_score.example", "ada@under_score.example"),
    ],
)
def test_the_canonical_form_is_its_own(address: str, canonical: str) -> None:
    assert canonical_email(address) == canonical
    assert canonical_email(canonical) == canonical


@pytest.mark.parametrize("domain", ["☃.example", "xn--a.example", "ü..example", "a\u202eü.example"])
def test_an_impossible_domain_has_no_canonical_form(domain: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        canonical_email(f"ada@{domain}")
    assert email_forms(f"Ada@{domain}") == [f"Ada@{domain}", f"ada@{domain}"]


def test_an_account_is_looked_for_as_it_was_typed_first() -> None:
    assert email_forms("Ada@Bücher.example ") == [
        "Ada@Bücher.example",
        "ada@bücher.example",
        "ada@xn--bcher-kva.example",
    ]
    assert email_forms("ada@example.com") == ["ada@example.com"]


@pytest.mark.parametrize(
    ("kept", "sent_to"),
    [
        ("Ada@BÜCHER.example", "Ada@xn--bcher-kva.example"),
        ("ada@☃.example", "ada@☃.example"),
    ],
)
def test_mail_goes_to_a_domain_in_ascii(kept: str, sent_to: str) -> None:
    assert deliverable_email(kept) == sent_to


@pytest.mark.parametrize(
    ("canonical", "readable"),
    [
        ("ada@xn--bcher-kva.example", "ada@bücher.example"),
        ("xn--ada@example.com", "xn--ada@example.com"),
        ("ada@xn--a.example", "ada@xn--a.example"),
    ],
)
def test_an_address_can_be_read(canonical: str, readable: str) -> None:
    assert readable_email(canonical) == readable
