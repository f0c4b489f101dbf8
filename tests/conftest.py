"""What every test can ask for."""

pytest_plugins = ["tests.stores", "tests.app", "tests.meeting", "tests.record"]
