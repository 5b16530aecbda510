"""The genuine package's surface: its constants, its record types."""
