"""What the owner set: the config, what a gateway finds without one, and the packages installed beside it."""
