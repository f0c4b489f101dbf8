"""Coding tasks: the exercises that interviews are held on."""
