"""What consumes the events of a run: the terminal, and the files of a report."""
