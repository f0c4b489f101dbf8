"""The load: one process that plays every client of either side, and reads what that costs it."""
