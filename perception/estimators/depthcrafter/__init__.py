NAME = "depthcrafter"
