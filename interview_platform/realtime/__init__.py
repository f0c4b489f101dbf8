"""The `/interview` namespace: receives what browsers send over Socket.IO, and delivers to them."""
