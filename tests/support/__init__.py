"""support - builders, private servers and protocol clients for the tests; no tests and no assertions here."""
