"""Peers as witnesses: cosigning others' logs, having one's own cosigned, what a fork means (audit-ledger 2.10)."""
