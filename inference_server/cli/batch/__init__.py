"""Many photos, one recipe: read, worked on and written side by side, and gone on with after any interruption."""
