"""The node's own document source and consumer: what `submit`, `find` and `fetch` send (ITI-41, ITI-18, ITI-43)."""
