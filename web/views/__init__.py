"""Pages: parse, one call, render."""
