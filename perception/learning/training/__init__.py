"""Training: DKT's LoRA by flow matching, as the paper does it."""
