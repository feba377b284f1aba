"""The tamper-evident audit ledger: records, Merkle tree, checkpoints, sequencer and offline verifier."""
