"""The banner designs, fonts and brand kits: data, shipped as a package so that they are found when installed."""
