"""Replay of an interview, and the proof that its record is whole; reads only."""
