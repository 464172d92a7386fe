"""Removing the object: its surroundings continued in its place."""
