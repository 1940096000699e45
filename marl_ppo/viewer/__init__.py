"""Watching: scenes drawn with pygame, on screen or into arrays and gifs. Nothing below this package imports pygame.

palette, layout → shapes, lettering → renderer → window   how a scene becomes a picture
live → feed → interpolate → playback → watch, gif        how a match becomes moving pictures
"""

import os

# pygame greets on standard output at import, which would end up in piped results.
os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
