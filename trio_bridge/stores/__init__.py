"""Where inbox, outbox and small state are kept: in memory, or in one SQLite file."""
