"""Documents as files: headers, submissions made of them, what was pushed and received, damage and the search for it."""
