"""The pictures a sprite can name: polygons in the unit square, heading east.

A picture is a tuple of (shade, outline): shade is how far the team's colour goes towards the dark, 0 to 1; outline
holds (u, v) from -0.5 to 0.5, u along the heading.
"""

Outline = tuple[tuple[float, float], ...]
Picture = tuple[tuple[float, Outline], ...]

_DART: Outline = ((0.5, 0.0), (-0.45, 0.42), (-0.25, 0.0), (-0.45, -0.42))

PICTURES: dict[str, Picture] = {
    "arrow": ((0.0, _DART),),
}
