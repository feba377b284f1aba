"""The auditor's work: findings of rules over the log, told in words."""
