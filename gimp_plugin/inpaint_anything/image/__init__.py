"""What GIMP holds, read for a request, and results put into it as layers."""
