"""What an import did, for the person who ran it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from talks.exchange.archives import NO_PUBLISH
from talks.exchange.tars import printable


@dataclass
class Report:
    """What an import did. Files are named as in the archive."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    kept: list[tuple[str, str]] = field(default_factory=list)  # file, field that people changed
    skipped: list[tuple[str, str]] = field(default_factory=list)  # file, reason
    withheld: list[str] = field(default_factory=list)  # files that NO_PUBLISH.json lists
    notes: list[tuple[str, str]] = field(default_factory=list)  # file, what to know about it
    events: int = 0  # done
    dry_run: bool = False
    interrupted: bool = False
    broken: str = ""  # a sentence

    @property
    def exit_code(self) -> int:
        return 130 if self.interrupted else 1 if self.skipped or self.broken else 0

    def include(self, other: "Report"):
        for name in ("added", "updated", "unchanged", "kept", "skipped", "withheld", "notes", "events"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def lines(self) -> Iterator[str]:
        """What a command prints, for people."""
        for file, reason in self.skipped:
            yield f"skipped {printable(file)}: {reason}"
        for file, name in self.kept:
            yield f"kept {printable(file)}: {name} was changed here"
        for file in self.withheld:
            yield f"withheld {printable(file)}: {NO_PUBLISH} lists it"
        for file, note in self.notes:
            yield f"note {printable(file)}: {note}"
        if self.broken:
            yield self.broken
        counts = f"{self.added} added, {self.updated} updated, {self.unchanged} unchanged"
        yield f"Events: {self.events}. Talks: {counts}. Files skipped: {len(self.skipped)}."
        if self.interrupted:
            yield "Interrupted. Every event that was imported is whole; the same command goes on."
        if self.dry_run:
            yield "Nothing was written (dry run)."
