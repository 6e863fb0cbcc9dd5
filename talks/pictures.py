"""Pictures of talks and of people, drawn from what they are: the same for ever for the same talk or person.

A talk's picture is a field in its event's hue with a quiet motif from the talk's id. Here are only numbers
and path data; the partials draw them and the style sheet paints them, so both colour schemes fit. Path data
is relative and whole-numbered: fifty pictures stand on one page.
"""

from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

HUES = 12
TONES = 3
WIDTH, HEIGHT = 160, 90


class Picture(NamedTuple):
    """Of a talk: an SVG of 160 by 90. `back` and `front` are path data, `style` the class of both."""

    hue: int
    tone: int
    style: str
    back: str
    front: str
    initials: str


class Avatar(NamedTuple):
    """Of a person: an SVG of 40 by 40."""

    hue: int
    tone: int
    path: str
    initials: str


class Dice:
    """A row of numbers that depends on `seed` only, on every machine and in every version."""

    def __init__(self, seed: str):
        self.bytes = iter(blake2b(seed.encode("utf-8", "surrogatepass")).digest())

    def below(self, limit: int) -> int:
        return next(self.bytes) % limit

    def between(self, lowest: int, highest: int, step: int = 1) -> int:
        return lowest + step * self.below((highest - lowest) // step + 1)


def talk_picture(talk) -> Picture:
    """The picture of a talk with `id`, `event` (with a `slug`, or None) and `speakers` (with names)."""
    names = [person.name or person.username for person in talk.speakers or ()]
    hue, tone, style, back, front = _drawn(talk.id or 0, talk.event.slug if talk.event else "")
    return Picture(hue, tone, style, back, front, joined_initials(names))


def avatar_picture(person) -> Avatar:
    """The picture of a person with `username` and `name`."""
    dice = Dice(f"person {person.username}")
    hue, tone = dice.below(HUES), dice.below(TONES)
    corner = disc(40 * dice.below(2), 40 * dice.below(2), dice.between(18, 30, 3))
    return Avatar(hue, tone, corner, initials(person.name or person.username))


@lru_cache(maxsize=4096)
def _drawn(talk_id, event_slug):
    dice = Dice(f"talk {talk_id}")
    hue = Dice(f"event {event_slug}" if event_slug else f"talk {talk_id}").below(HUES)
    tone, motif = dice.below(TONES), MOTIFS[dice.below(len(MOTIFS))]
    return (hue, tone, motif.__name__, *motif(dice))


def initials(name: str) -> str:
    """First letters of the first and the last word: "Ada Lovelace" gives "AL", "김철수" gives "김"."""
    letters = [next((char for char in word if char.isalnum()), "") for word in name.split()]
    letters = [letter for letter in letters if letter]
    return "".join(letters[:1] + letters[1:][-1:]).upper()[:2]


def joined_initials(names: list[str]) -> str:
    """Of one or two speakers, or of the first and how many more there are."""
    known = [found for found in map(initials, names) if found]
    if len(known) > 2:
        return f"{known[0]} +{len(known) - 1}"
    return " ".join(known)


def disc(x: int, y: int, radius: int) -> str:
    return f"M{x - radius} {y}a{radius} {radius} 0 1 0 {2 * radius} 0 {radius} {radius} 0 1 0-{2 * radius} 0z"


# Each motif takes dice and returns path data for back and front; its name is the class that paints it.


def rings(dice):
    """Circles in one another, round a point at the right."""
    x, y, step = dice.between(96, 144, 8), dice.between(10, 66, 8), dice.between(11, 17)
    front = disc(x, y, 3 * step) + disc(x, y, 2 * step) + disc(x, y, step)
    return disc(x, y, 5 * step) + disc(x, y, 4 * step), front


def arcs(dice):
    """A rainbow out of a corner or an edge."""
    x, y = ((WIDTH, 0), (WIDTH, HEIGHT), (100, 0), (120, HEIGHT))[dice.below(4)]
    radius = dice.between(70, 94, 6)
    return disc(x, y, radius) + disc(x, y, radius - 16), disc(x, y, radius - 32) + disc(x, y, radius - 48)


def moons(dice):
    """Two discs that cover each other in part."""
    x, y, radius = dice.between(84, 108, 6), dice.between(20, 62, 6), dice.between(34, 46, 4)
    return disc(x, y, radius), disc(x + dice.between(18, 42, 6), y + dice.between(-18, 18, 6), radius)


def waves(dice):
    """Water, in two layers."""
    return wave(dice, dice.between(26, 44, 3)), wave(dice, dice.between(52, 66, 2))


def wave(dice, top):
    half, swing = dice.between(20, 40, 5), dice.between(14, 30, 4)
    times = WIDTH // (2 * half) + 1
    return f"M{-dice.below(half)} {top}q{half}-{swing} {2 * half} 0" + f"t{2 * half} 0" * times + "V90H-50z"


def bars(dice):
    """Upright strokes, as of a voice."""
    heights = [dice.between(3, 30) for _ in range(10)]
    back = "".join(f"M{74 + 9 * i} {42 - height}v{2 * height}" for i, height in enumerate(heights))
    front = "".join(
        f"M{74 + 9 * i} {42 - height // 3}v{2 * (height // 3)}" for i, height in enumerate(heights)
    )
    return back, front


def steps(dice):
    """Beams from the right edge."""
    lengths = [dice.between(24, 118, 6) for _ in range(6)]
    beams = [f"M160 {8 + 15 * i}h-{length}" for i, length in enumerate(lengths)]
    return "".join(beams[::2]), "".join(beams[1::2])


def diagonals(dice):
    """Slanting bands."""
    lean, first, gap = dice.between(30, 90, 10), dice.between(50, 74, 4), dice.between(24, 34, 2)
    lines = [f"M{first + gap * i} 95l{lean}-100" for i in range(4)]
    return "".join(lines), f"M{first - gap} 95l{lean}-100M{first + gap + gap // 2} 95l{lean}-100"


def dots(dice):
    """A field of points, some of them lit."""
    chosen = [dice.below(3) == 0 for _ in range(20)]
    points = [f"M{92 + 14 * (i % 5)} {14 + 16 * (i // 5)}h0" for i in range(20)]
    back = "".join(point for point, lit in zip(points, chosen, strict=True) if not lit)
    return back, "".join(point for point, lit in zip(points, chosen, strict=True) if lit)


QUARTERS = (
    "h30a30 30 0 0 1-30 30z",
    "h30v30a30 30 0 0 1-30-30z",
    "m30 0v30h-30a30 30 0 0 1 30-30z",
    "v30h30a30 30 0 0 0-30-30z",
)


def tiles(dice):
    """Quarters of discs in a chequer."""
    cells = [f"M{70 + 30 * (i % 3)} {30 * (i // 3)}" + QUARTERS[dice.below(4)] for i in range(9)]
    return "".join(cells[1::2]), "".join(cells[i] for i in (0, 2, 4 + 2 * dice.below(3)))


LEAVES = ("a30 30 0 0 1 30 30 30 30 0 0 1-30-30z", "m30 0a30 30 0 0 1-30 30 30 30 0 0 1 30-30z")


def leaves(dice):
    """Leaves on a trellis."""
    cells = [f"M{70 + 30 * (i % 3)} {30 * (i // 3)}" + LEAVES[dice.below(2)] for i in (1, 2, 3, 5, 8)]
    lit = dice.below(5)
    return "".join(cells[:lit] + cells[lit + 1 :]), cells[lit]


def peaks(dice):
    """Mountains and a sun."""
    x, half, high = dice.between(70, 110, 8), dice.between(40, 60, 5), dice.between(44, 66, 4)
    low = high - dice.between(14, 24, 2)
    sun = disc(dice.between(40, 148, 12), dice.between(14, 24, 2), dice.between(6, 11))
    return f"M{x - half} 90l{half}-{high} {half} {high}z{sun}", f"M{x + 4} 90l{half}-{low} {half} {low}z"


def weave(dice):
    """Threads across threads."""
    upright = "".join(f"M{dice.between(70, 152, 2)} 0v90" for _ in range(5))
    return upright, "".join(f"M0 {dice.between(6, 64, 2)}h160" for _ in range(3))


MOTIFS = (rings, arcs, moons, waves, bars, steps, diagonals, dots, tiles, leaves, peaks, weave)
FILTERS = (talk_picture, avatar_picture)
