"""Three institutions on one machine: made, connected, filled, started and ended. Tests and benchmarks use it too."""
