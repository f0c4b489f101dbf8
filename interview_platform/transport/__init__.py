"""Socket.IO over WebSocket and long polling: bounded, and encoded once for all who hear it."""

from ..core.imports import hidden

# Loaded for asynchronous clients that the service is not: a fifth of its start, and 10 MB.
with hidden("aiohttp", "valkey"):
    from socketio import Namespace
    from socketio.exceptions import ConnectionRefusedError as Refused

__all__ = ["Namespace", "Refused"]
