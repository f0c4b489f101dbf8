"""Interviews: their schedule, their participants, their life cycle and its outcome."""
