"""The banner designs, fonts and brand kits: data, shipped as a package to be found when installed."""
