"""The photo that one points at."""
