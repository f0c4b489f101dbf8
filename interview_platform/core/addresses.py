"""E-mail addresses: the one form in which they are kept, and what else accounts may be under.

The canonical form has the domain in ASCII, as IDNA (RFC 5891, after the mapping of UTS #46)
makes it: `bücher.example` composed or decomposed, in full-width letters, with characters
that nobody sees, and in Punycode is one domain, and mail to it reaches one mailbox. Before
the @ only A to Z are put in lower case, since case-folding makes other mailboxes of some.
"""

from __future__ import annotations

import string
from contextlib import suppress

import idna

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
# What the ASCII form of a label begins with that is not in ASCII.
_ACE_PREFIX = "xn--"


def canonical_email(address: str) -> str:
    """Return the form in which `address` is kept. Raises ValueError for an impossible domain."""
    local, at, domain = lower_email(address).rpartition("@")
    return f"{local}{at}{_ascii_domain(domain)}"


def lower_email(address: str) -> str:
    """Return `address` trimmed, and A to Z in lower case."""
    return address.strip().translate(_LOWER)


def email_forms(address: str) -> list[str]:
    """Return the forms under which an account may be kept, the canonical one last.

    An account of before there was a canonical form, which another account's mailbox is the
    same as, is kept as it was spelled then.
    """
    forms = [address.strip(), lower_email(address)]
    # Without a canonical form it is the address of no account that is made today.
    with suppress(ValueError):
        forms.append(canonical_email(address))
    return list(dict.fromkeys(forms))


def deliverable_email(address: str) -> str:
    """Return `address` as mail servers understand it: its domain in ASCII, if it has such a form.

    What stands before the @ is the receiving server's to read, and stays as it is.
    """
    local, at, domain = address.rpartition("@")
    try:
        return f"{local}{at}{_ascii_domain(domain)}"
    except ValueError:
        return address


def readable_email(address: str) -> str:
    """Return a canonical address with its domain in the letters that people know it by."""
    local, at, domain = address.rpartition("@")
    try:
        return f"{local}{at}{idna.decode(domain)}" if _ACE_PREFIX in domain else address
    except ValueError:
        return address


def _ascii_domain(domain: str) -> str:
    # IDNA has nothing to say on what is in ASCII, and refuses some of it.
    if domain.isascii() and _ACE_PREFIX not in domain.lower():
        return domain.translate(_LOWER)
    return idna.encode(domain, uts46=True).decode()
