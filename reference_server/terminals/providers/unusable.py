"""What is wrong with a provider's settings, in words for the operator."""

from __future__ import annotations


class ProviderUnusable(Exception):
    """The chosen terminals cannot be used as they are set up; the message names the setting and what would do."""
