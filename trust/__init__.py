"""Trust: who may, under which key, and the proof of what was done. Knows nothing of XDS."""
