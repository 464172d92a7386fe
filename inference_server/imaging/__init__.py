"""Pixels: windows of a photo, masks, resampling, grain.  Pure functions, no models."""
