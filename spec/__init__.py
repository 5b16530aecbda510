"""The contract of the Tonpo gateway, and the tools that check, bundle and compare it."""
