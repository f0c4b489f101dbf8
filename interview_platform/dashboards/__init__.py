"""How the service's work stands, in figures; reads only."""
