"""Where terminals come from."""
