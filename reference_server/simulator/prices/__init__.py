"""Where prices come from: generated, replayed, or moved by hand."""
