"""Where a run's networks look: class activation and gradient maps, and whether the maps can be believed.

A network is anything with ``features`` (image to last map) and ``head`` (last map to logits). What was trained, and how, is not known
here; a command joins both.
"""
