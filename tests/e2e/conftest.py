"""Whole interviews are held on web processes that start as they do where people deploy them."""

import pytest

from tests.live import Launch, deploy


@pytest.fixture
def launch() -> Launch:
    return deploy
