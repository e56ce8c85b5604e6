"""tests - everything that can fail. See README.md for where a test goes."""
