"""Models that continue the surroundings over a hole.  One file a family; each offers

    filled = inpaint(source, hole, seed, progress, cancelled)

source: (h, w, 3|4) uint8, uint16 or float32; hole: (h, w) bool.  Returns an array like source whose pixels inside the
hole are new; those outside are source's, bit for bit.  Raises UserError.
"""
