"""Where else a patient is known: asking (ITI-55), answering, what was learned and for how long, and who is asked."""
