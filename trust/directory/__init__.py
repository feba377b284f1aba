"""Who belongs to a federation: its signed, versioned, expiring directory, and how an institution joins."""
