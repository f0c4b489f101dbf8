"""What the worker runs. A job is an adapter: it calls one method of one service."""
