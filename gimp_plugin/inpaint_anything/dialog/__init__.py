"""The live dialog."""
