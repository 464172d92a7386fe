"""The plug-in.  It runs in GIMP's own Python and needs nothing but gi and the standard library."""
