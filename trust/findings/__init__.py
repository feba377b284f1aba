"""Rules over the audit log: which accesses somebody should look at, and why (ui 4.f)."""
