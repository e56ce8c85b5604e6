"""Measurements, each a script of its own; budgets that a test holds are in budget.toml."""
