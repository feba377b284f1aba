"""A simulated federation: light communities in one process, each with a certificate and a port of its own."""
