"""The control plane: what the console's pages and the owner's programs ask of a running gateway."""
