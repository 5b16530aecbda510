"""Independent judges of one HTTP exchange."""
