"""The `/interview` namespace: receives what browsers send over Socket.IO, and delivers to them."""

from ..core.imports import hidden

# Loaded for asynchronous clients that the service is not: a fifth of its start, and 10 MB.
with hidden("aiohttp", "valkey"):
    import socketio as socketio
