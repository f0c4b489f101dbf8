"""What is kept of a person: told to them, erased, and removed by its age."""
