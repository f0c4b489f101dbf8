"""The pool of candidates: their profiles, how they are found, and how they come in."""
