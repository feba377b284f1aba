"""Who wants to know of new documents, and telling them (DSUB: ITI-52, ITI-53, ITI-54)."""
