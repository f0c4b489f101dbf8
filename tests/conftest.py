"""What every test can ask for."""

pytest_plugins = [
    "tests.stores",
    "tests.openapi",
    "tests.app",
    "tests.meeting",
    "tests.record",
    "tests.traces",
]
