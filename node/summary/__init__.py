"""The patient's summary: an on-demand document of what whoever asks may see (ITI TF-2: 3.61; content-wire 7.4)."""
