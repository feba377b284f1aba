"""The gates of the project: what `scripts/test` runs, in which order, and how it tells the outcome."""
