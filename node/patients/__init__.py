"""What the transactions about patients share: feeds carried out, answers, the master index as configured."""
