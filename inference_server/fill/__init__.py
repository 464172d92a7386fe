"""Filling: something else painted in the place of the object, from a prompt."""
