"""Lots: candidates gathered for a purpose, by hand or by a draw that anyone can repeat."""
