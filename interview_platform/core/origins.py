"""Web origins (RFC 6454): a scheme, a host and a port."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address

_DEFAULT_PORTS = {"http": 80, "https": 443}
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?:\[(?P<ipv6>[0-9a-f:.]+)\]|(?P<name>[\w-]+(?:\.[\w-]+)*\.?))"
    r"(?::(?P<port>\d{1,5}))?",
    re.ASCII | re.IGNORECASE,
)


def normalize_origin(text: str) -> str | None:
    """Return an origin in the one form that browsers send; None for what is no such origin.

    Opaque origins (`null`), and those of schemes other than http and https, are none here.
    """
    match = _ORIGIN.fullmatch(text)
    if match is None:
        return None
    scheme, name = match["scheme"].lower(), match["name"]
    port = int(match["port"] or _DEFAULT_PORTS[scheme])
    try:
        host = name.lower() if name else f"[{IPv6Address(match['ipv6'])}]"
    except AddressValueError:
        return None
    if port > 65535:
        return None
    return f"{scheme}://{host}" if port == _DEFAULT_PORTS[scheme] else f"{scheme}://{host}:{port}"
