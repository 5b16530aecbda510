"""What the broker lists: each symbol, its rules, and when it trades."""
