"""How good depth and normals are, measured as the DKT paper does and as the robot uses them."""
