"""store - shared state in memory, SQLite or Redis: the only door to redis."""
