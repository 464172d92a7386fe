"""Replacing the background: the object kept, and something else behind it."""
