"""Whether the service lives, whether it is ready, and how it fares."""
