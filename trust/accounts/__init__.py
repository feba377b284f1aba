"""Local accounts of people who use the pages: their passwords, one-time codes and roles."""
