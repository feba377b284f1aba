"""`node.toml`: its sections, readers of values, and what they say about codes and roles."""
