"""Pages for people: clinician, auditor, administrator, on a listener of their own that asks for no certificate."""
