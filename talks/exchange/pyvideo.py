"""Import the PyVideo archive: each event in one transaction, as often as one likes.

A field is written only while it still holds what the last import wrote, which `imported_digests` remembers;
what people changed stays and is listed. The status of a talk that is here already is never touched.
"""

from collections.abc import Callable, Iterable
from datetime import date

from peewee import fn

from models import Event, Tag, Talk, TalkTag, User, database, utcnow
from talks.exchange.archives import NO_PUBLISH, Archive, open_archive
from talks.exchange.records import Record, Unfit, event_columns, parse, read_category, read_talk
from talks.exchange.reports import Report
from talks.exchange.rows import (
    PARTS,
    SOURCE,
    derived_from,
    digest,
    insert,
    is_empty,
    keyed,
    parts_of,
    purged,
    rows_of,
    tags_named,
)
from talks.exchange.tars import ArchiveError
from talks.names import slug
from talks.profiles import profiles_named

AT_ONCE, AT_ONCE_BYTES = 200, 2 << 20  # records held in memory
CATEGORY = "category.json"


def run(
    path,
    events: Iterable[str] = (),
    dry_run: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
    peertube_hosts: Iterable[str] = (),
) -> Report:
    """Import what is at `path`, or only the events of these folders. The database must be connected.

    `progress(done, total, event)` is called after each event. Ctrl-C ends the run between two events, undoing
    the one it interrupts. Raises ArchiveError when nothing can be read.
    """
    report, events = Report(dry_run=dry_run), list(events)
    try:
        with open_archive(path) as archive:
            importer = Importer(archive, tuple(peertube_hosts))
            chosen = _chosen(archive, events, report)
            for done, event in enumerate(chosen, start=1):
                with database.atomic() as transaction:
                    part = importer.event(event)
                    if dry_run:
                        transaction.rollback()
                        importer.forget()
                report.include(part)
                if progress:
                    progress(done, len(chosen), event)
            report.broken = archive.broken
    except KeyboardInterrupt:
        report.interrupted = True
    else:
        wanted = set(events)
        report.skipped += [row for row in archive.skipped if not wanted or row[0].split("/")[0] in wanted]
    return report


def _chosen(archive, events, report):
    wanted = set(events)
    if not archive.events and not archive.skipped:
        raise ArchiveError(f"{archive.path} holds no EVENT/videos/TALK.json.")
    unknown = sorted(wanted - set(archive.events))
    report.skipped += [(event, "no such event in the archive") for event in unknown]
    return [event for event in archive.events if not wanted or event in wanted]


class Importer:
    """One run. Profiles and tags that were looked up once are remembered."""

    def __init__(self, archive: Archive, peertube_hosts: tuple):
        self.archive = archive
        self.peertube_hosts = peertube_hosts
        self.unpublished = _unpublished(archive)
        self.now = utcnow()
        self.slugs = {}  # of events -> their folder
        self.forget()

    def forget(self):
        self._users, self._tags = {}, {}  # spelling -> id

    def event(self, name: str) -> Report:
        """Import one event in the transaction that the caller began."""
        visit = Visit(self, name)
        other = self.slugs.setdefault(visit.slug, name)
        if other != name:
            visit.report.skipped.append((name, f"its address would be that of {other}"))
            return visit.report
        batch, size = [], 0
        for file, data in self.archive.files(name):
            if file.endswith(f"/{CATEGORY}"):
                visit.read_category(file, data)
                continue
            record = visit.read(file, data)
            if record:
                batch.append((file, record))
                size += len(data)
            if len(batch) >= AT_ONCE or size > AT_ONCE_BYTES:
                visit.store(batch)
                batch, size = [], 0
        visit.store(batch)
        visit.finish()
        return visit.report

    def user_ids(self, names):
        """Spelling -> id of the profile, made where there is none."""
        new = [name for name in names if name not in self._users]
        if new:
            self._users |= {name: user.id for name, user in profiles_named(new).items()}
        return self._users

    def tag_ids(self, names):
        """Spelling -> id of the tag, made where there is none, as `Tag.named` does one by one."""
        new = [name for name in names if name not in self._tags]
        if new:
            self._tags |= tags_named(list(dict.fromkeys(new)))
        return self._tags


class Visit:
    """One event in one run."""

    def __init__(self, importer: Importer, folder: str):
        self.importer, self.folder = importer, folder
        self.report = Report(events=1)
        self.slug = slug(folder, Event.slug.max_length) or "event"
        self.row = Event.get_or_none(Event.slug == self.slug)
        # Without a category.json a new event is called like its folder, and a known one stays as it is.
        self.columns = None if self.row else event_columns(folder)
        self.touched = set(), set()  # ids of users and tags whose count may have changed

    def read_category(self, file, data):
        try:
            self.columns, notes = read_category(data, self.folder)
        except Unfit as reason:
            self.report.skipped.append((file, str(reason)))
        else:
            self.report.notes += [(file, f"{note}: kept aside") for note in notes]

    def read(self, file: str, data: bytes) -> Record | None:
        """The talk in a file; None when it is not to be imported."""
        try:
            record = read_talk(data, self.importer.peertube_hosts)
        except Unfit as reason:
            self.report.skipped.append((file, str(reason)))
            return None
        if record.id in self.importer.unpublished:
            self.report.withheld.append(file)
            if Talk.select().where(*keyed([self.key(file)]), Talk.status == "published").exists():
                self.report.notes.append((file, "was imported before and is still published here"))
            return None
        self.report.notes += [(file, f"{note}: kept aside") for note in record.notes]
        return record

    def key(self, file):
        return f"{self.folder}/{file.rpartition('/')[2].removesuffix('.json')}"

    def store(self, batch):
        """Write what is new or was changed in the archive."""
        batch = self._without_purged(batch)
        if not batch:
            return
        if self.row is None:
            title = self.columns["title"]
            self.row = Event.create(slug=self.slug, title=title, imported_digests={"title": digest(title)})
        records = {self.key(file): record for file, record in batch}
        users = self.importer.user_ids(
            {name: None for record in records.values() for name in record.speakers}
        )
        tags = self.importer.tag_ids({name: None for record in records.values() for name in record.tags})
        known = {talk.imported_key: talk for talk in Talk.select().where(*keyed(records))}
        parts = parts_of(known.values())
        new = {}
        for (file, record), key in zip(batch, records, strict=True):
            want = record.columns | {
                "event": self.row.id,
                "speakers": list(dict.fromkeys(users[name] for name in record.speakers)),
                "tags": sorted({tags[name] for name in record.tags}),
                "links": [list(link) for link in record.links],
            }
            if key in known:
                self._update(file, known[key], parts[known[key].id], want)
            else:
                new[key] = want
        self._add(new)

    def _without_purged(self, batch):
        """What is not gone for good; the rest counts as unchanged."""
        gone = set(purged([self.key(file) for file, _ in batch]))
        left = [(file, record) for file, record in batch if self.key(file) not in gone]
        self.report.unchanged += len(batch) - len(left)
        return left

    def _add(self, new):
        if not new:
            return
        now = self.importer.now
        fresh = {"status": "published", "published_at": now, "created_at": now, "updated_at": now}
        rows = []
        for key, want in new.items():
            columns = {name: value for name, value in want.items() if name not in PARTS} | derived_from(want)
            digests = {name: digest(value) for name, value in want.items() if not is_empty(value)}
            imported = {"imported_from": SOURCE, "imported_key": key, "imported_digests": digests}
            rows.append(fresh | columns | imported)
        insert(Talk, rows)
        ids = dict(Talk.select(Talk.imported_key, Talk.id).where(*keyed(new)).tuples())
        for name in PARTS:
            insert(PARTS[name], [row for key, want in new.items() for row in rows_of(name, ids[key], want)])
        for want in new.values():
            self._touch(want)
        self.report.added += len(new)

    def _touch(self, values):
        self.touched[0].update(values["speakers"])
        self.touched[1].update(values["tags"])

    def _update(self, file, talk, parts, want):
        have = {name: getattr(talk, name) for name in want if name not in parts and name != "event"}
        have |= parts | {"event": talk.event_id}
        changed = self._changes(file, talk, have, want)
        if not changed:
            self.report.unchanged += 1
            return
        columns = {name: value for name, value in changed.items() if name not in PARTS} | derived_from(
            changed
        )
        columns |= {"imported_digests": talk.imported_digests, "updated_at": self.importer.now}
        if "thumbnail_url" in changed:
            columns["thumbnail_at"] = None  # the copy shows another picture
        Talk.update(columns).where(Talk.id == talk.id).execute()
        self._touch(have)
        for name in PARTS.keys() & changed:
            PARTS[name].delete().where(PARTS[name].talk == talk).execute()
            insert(PARTS[name], rows_of(name, talk.id, {"date": talk.date} | changed))
        if "date" in changed:
            TalkTag.update(date=changed["date"]).where(TalkTag.talk == talk).execute()
        self._touch(have | changed)
        self.report.updated += 1

    def _changes(self, file, row, have, want):
        """What to write of `want`; what people changed is listed. Brings the row's digests up to date."""
        changed = {}
        for name, value in want.items():
            if have[name] == value:
                continue
            before = row.imported_digests.get(name)
            untouched = is_empty(have[name]) if before is None else digest(have[name]) == before
            if untouched:
                changed[name] = value
                row.imported_digests.pop(name, None)
                if not is_empty(value):
                    row.imported_digests[name] = digest(value)
            else:
                self.report.kept.append((file, name))
        return changed

    def finish(self):
        """Bring the event's own row and all counts up to date."""
        if self.row is None:
            return
        if self.columns:
            self._update_event()
        if self.report.added or self.report.updated:
            User.recount(self.touched[0])
            Tag.recount(self.touched[1])
            Event.recount([self.row.id])

    def _update_event(self):
        first, last = self._days()
        want = self.columns | {"starts_on": self.columns["starts_on"] or first, "ends_on": last}
        have = {name: getattr(self.row, name) for name in want}
        changed = self._changes(f"{self.folder}/{CATEGORY}", self.row, have, want)
        if changed:
            columns = changed | {"imported_digests": self.row.imported_digests}
            Event.update(columns).where(Event.id == self.row.id).execute()

    def _days(self):
        """First and last day of what was imported for this event: (None, None) when nothing has a date."""
        dated = Talk.event == self.row, Talk.imported_from == SOURCE, Talk.date != ""
        days = Talk.select(fn.MIN(Talk.date), fn.MAX(Talk.date)).where(*dated).tuples().first()
        return [day and date.fromisoformat(day.isoformat()[:10]) for day in days]


def _unpublished(archive):
    """Ids of the records that must not be imported."""
    data = archive.no_publish()
    try:
        ids = [] if data is None else parse(data)
    except Unfit as reason:
        raise ArchiveError(f"{NO_PUBLISH} of {archive.path}: {reason}. Nothing was imported.") from reason
    if not isinstance(ids, list) or not all(type(id_) in (int, str) for id_ in ids):
        raise ArchiveError(f"{NO_PUBLISH} of {archive.path} is no list of record ids. Nothing was imported.")
    return {str(id_) for id_ in ids}
