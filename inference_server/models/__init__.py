"""Which models there are (`catalogue`) and how they get here (`store`)."""
