"""Augmentation: parameters are drawn first (`drawing`), applied second (`applying`), so that any sample can be replayed."""
