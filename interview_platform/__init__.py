"""Smart Interview: a self-hosted backend for live technical interviews."""

__version__ = "0.1.0"
