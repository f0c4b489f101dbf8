"""The service on one machine with nothing prepared: embedded stores, web and worker."""
