"""Weights from the hub: fetched once, checked, and found again by a model's name."""
