"""Fixtures for every test: none here but the path that lets tests import `tests.shared`."""
