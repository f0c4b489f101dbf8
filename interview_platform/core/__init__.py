"""Infrastructure, one topic a file. No word of the business in here."""
