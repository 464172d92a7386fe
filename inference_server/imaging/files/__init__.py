"""Picture files: photographs with all that belongs to them, and masks, in and out."""
