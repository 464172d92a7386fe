"""Models that find an object from clicks.  One file a family; each offers the same three things:

    segmenter = load(store, progress, cancelled)        # reads the weights
    embedding = segmenter.encode(proxy)         # slow, once a photo: (h, w, 3) uint8 RGB -> Embedding
    logits, scores = segmenter.decode(embedding, points, labels, box, previous)         # fast, once a click

`embedding.size` is the proxy's (width, height) and `embedding.cells` the mask cells per proxy pixel, in x and y.
`logits` is (N, h, w) float32 on that grid of cells, positive inside the object; `scores` (N,) float32 is the model's
own estimate of each mask's IoU.  Points and box are in proxy pixels.
"""
