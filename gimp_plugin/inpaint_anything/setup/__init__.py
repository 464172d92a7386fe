"""The installation from inside GIMP.  `uv`, `failures`, `installation` and `state` need the standard library alone, and
install.py uses the first three."""
