"""From photo to banners in plain Python: one function per step. Knows nothing of Ray."""
