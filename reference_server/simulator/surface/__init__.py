"""The surface of the genuine package: its constants, its record types, and the rules of arguments."""
