"""core - the vocabulary of scanning: stages, transactions, evidence, verdicts, seams."""
