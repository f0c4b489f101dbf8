"""What media look like on the wire."""

from __future__ import annotations

from ..core.fields import Flag, ListOf, Part, Timestamp
from ..core.schemas import Schema
from ..core.text_fields import Choice, Text

MAX_SERVERS = 2
MAX_URLS = 20


class IceServerSchema(Schema):
    """A STUN or TURN server, as RTCPeerConnection takes it."""

    urls = ListOf(
        Text("A server's address.", most=300, example="turn:turn.example.com:3478"),
        "Where the server answers.",
        most=MAX_URLS,
    )
    username = Text("TURN: whom to log in as.", most=64, example="1772444000:65f0c0ffee65f0c0ffee")
    credential = Text("TURN: the password.", most=64, example="wM5oFWBCvAEbU9gtzY1sYtNWQXs=")


class MediaTokenSchema(Schema):
    """What a client connects with; by `provider`, it holds a token or servers."""

    provider = Choice(
        "`livekit`: by a LiveKit server; `p2p`: to each other, by the event `signal`.",
        ("livekit", "p2p"),
    )
    url = Text("LiveKit: where the server is.", most=300, example="wss://video.example.com")
    token = Text("LiveKit: what lets its bearer in.", most=4096, example="eyJhbGciOiJIUzI1NiIs")
    room = Text("LiveKit: the room's name.", most=128, example="Zk3vQ8x1T0mJx9sYw2rB4g")
    iceServers = ListOf(
        Part(IceServerSchema, "A server."),
        "P2P: what RTCPeerConnection takes; empty where no servers are configured.",
        most=MAX_SERVERS,
    )
    expiresAt = Timestamp(
        "Until when it lets somebody connect; ask again for each new connection after that."
    )


class ReportedSchema(Schema):
    logged = Flag("Whether the event was written into an interview's log just now.", example=True)
