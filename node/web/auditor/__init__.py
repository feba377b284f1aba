"""The auditor's pages: findings, search, one entry with its proof, verifying, comparing, the report (ui 4.f, 4.g)."""
