"""What the service costs, beside a peer that does the same on Node: `make bench`."""
