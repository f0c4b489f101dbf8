"""The service on one machine with nothing prepared: stores that nobody configured, web and worker."""
