"""The broker's book: accounts with their positions, orders and deals."""
