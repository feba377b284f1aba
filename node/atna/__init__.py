"""Audit records on their way to Audit Record Repositories outside (ITI-20 over TLS)."""
