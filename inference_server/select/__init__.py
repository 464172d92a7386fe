"""Finding the object: from clicks, boxes, rough masks or words to masks."""
