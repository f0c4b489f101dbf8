"""The `/interview` namespace: what browsers say in it, and what they are told."""
