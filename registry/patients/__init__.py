"""Patient identities: the messages that feed them, the rules of merging them."""
