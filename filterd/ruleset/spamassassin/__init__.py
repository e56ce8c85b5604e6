"""spamassassin - SpamAssassin's rule files as they are: read, translated, run."""
