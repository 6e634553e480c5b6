"""The engine in a world where everything is decided by a seed: time, the network, and who dies when."""
