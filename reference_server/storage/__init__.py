"""What the gateway remembers: users, accounts and counters in SQLite, request windows in memory."""
