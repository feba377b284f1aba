"""Certificates: authorities, checks, TLS contexts, revocation, and whom each certificate stands for."""
