"""Draws the icons of the Teams app: `python -m scripts.app_icons`. A parabola through its vertex, in a speech bubble.

Sizes and colours: Microsoft Learn, "Design your Teams app icon": 192 x 192 in colour, 32 x 32 white on transparent.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

_FOLDER = Path(__file__).parent.parent / "appmanifest"
_SCALE = 8  # drawn larger and then reduced, so that edges are smooth
_NAVY, _WHITE, _BLUE, _AMBER = (30, 58, 95, 255), (255, 255, 255, 255), (46, 117, 182, 255), (242, 169, 59, 255)


def colour_icon() -> Image.Image:
    """Draw the icon for the store and the chat list: a full square, which Teams rounds itself."""
    size = 192 * _SCALE
    image = Image.new("RGBA", (size, size), _NAVY)
    draw = ImageDraw.Draw(image)
    _bubble(draw, size, fill=_WHITE)
    axis = round(0.012 * size)
    draw.line([_point(size, 0.27, 0.60), _point(size, 0.73, 0.60)], fill=(150, 165, 185, 255), width=axis)
    draw.line([_point(size, 0.50, 0.25), _point(size, 0.50, 0.66)], fill=(150, 165, 185, 255), width=axis)
    _parabola(draw, size, fill=_BLUE, width=round(0.038 * size))
    _dot(draw, size, at=(0.50, 0.52), radius=0.04, fill=_AMBER)
    return image.resize((192, 192), Image.Resampling.LANCZOS)


def outline_icon() -> Image.Image:
    """Draw the icon for the app bar: white lines on nothing."""
    size = 32 * _SCALE
    image = Image.new("RGBA", (size, size), (255, 255, 255, 0))
    draw = ImageDraw.Draw(image)
    _bubble(draw, size, outline=_WHITE, width=round(0.07 * size))
    _parabola(draw, size, fill=_WHITE, width=round(0.07 * size))
    # Teams wants white in every pixel, also where it is transparent: only the coverage is reduced.
    reduced = Image.new("RGBA", (32, 32), _WHITE)
    reduced.putalpha(image.getchannel("A").resize((32, 32), Image.Resampling.LANCZOS))
    return reduced


def _bubble(
    draw: ImageDraw.ImageDraw,
    size: int,
    *,
    fill: tuple[int, ...] | None = None,
    outline: tuple[int, ...] | None = None,
    width: int = 1,
) -> None:
    box = [_point(size, 0.16, 0.15), _point(size, 0.84, 0.74)]
    tail = [_point(size, 0.28, 0.72), _point(size, 0.28, 0.88), _point(size, 0.46, 0.72)]
    if fill is not None:
        draw.polygon(tail, fill=fill)
        draw.rounded_rectangle(box, radius=0.12 * size, fill=fill)
        return
    draw.rounded_rectangle(box, radius=0.12 * size, outline=outline, width=width)
    draw.line(tail, fill=outline, width=width, joint="curve")


def _parabola(draw: ImageDraw.ImageDraw, size: int, *, fill: tuple[int, ...], width: int) -> None:
    steps = [step / 50 for step in range(-50, 51)]
    points = [_point(size, 0.50 + 0.20 * x, 0.52 - 0.27 * x * x) for x in steps]
    draw.line(points, fill=fill, width=width, joint="curve")
    for end in (points[0], points[-1]):
        draw.ellipse([end[0] - width / 2, end[1] - width / 2, end[0] + width / 2, end[1] + width / 2], fill=fill)


def _dot(
    draw: ImageDraw.ImageDraw, size: int, *, at: tuple[float, float], radius: float, fill: tuple[int, ...]
) -> None:
    x, y = at
    draw.ellipse([_point(size, x - radius, y - radius), _point(size, x + radius, y + radius)], fill=fill)


def _point(size: int, x: float, y: float) -> tuple[float, float]:
    return (x * size, y * size)


if __name__ == "__main__":
    colour_icon().save(_FOLDER / "color.png", optimize=True)
    outline_icon().save(_FOLDER / "outline.png", optimize=True)
