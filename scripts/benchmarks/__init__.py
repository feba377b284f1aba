"""Speed as ratios to controls that run interleaved in the same minutes: harness, controls, load, seeding, cases."""
