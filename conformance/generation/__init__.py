"""Requests that are generated from the contract, valid and invalid ones, and what their answers are checked for."""
