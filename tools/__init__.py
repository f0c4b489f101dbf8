"""Programs for people who try the service out; each talks to a running one over the wire."""
