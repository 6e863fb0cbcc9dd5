"""The tables: what a row is, how rows are found, and what one row can do. No request, no app."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from flask_login import UserMixin
from peewee import (
    JOIN,
    SQL,
    BooleanField,
    Case,
    DatabaseProxy,
    ForeignKeyField,
    Join,
    Model,
    Select,
    chunked,
    fn,
)

from talks import passwords
from talks.fields import (
    AutoField,
    CharField,
    CivilDateField,
    IntegerField,
    JSONTextField,
    LowerCharField,
    SmallIntegerField,
    TextField,
    UTCDateTimeField,
)
from talks.names import fold, fold_tag, slug

database = DatabaseProxy()  # main.py says which
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def utcnow() -> datetime:
    return datetime.now(UTC)


def given(value):
    """A default that stands in the table too: adding the column to a full table is then safe everywhere."""
    return [SQL(f"DEFAULT {value}")]


def text(length, **kwargs):
    """A line of text that is empty rather than NULL."""
    return CharField(length, default="", **kwargs)


class BaseModel(Model):
    id = AutoField()

    class Meta:
        database = database
        legacy_table_names = False
        only_save_dirty = True


class User(BaseModel, UserMixin):
    """An account and a speaker's profile in one row. Nobody has claimed a profile without an e-mail."""

    username = LowerCharField(64, unique=True)
    email = LowerCharField(320, unique=True, null=True)
    password_hash = CharField(255, null=True)
    is_admin = BooleanField(default=False)
    is_speaker = BooleanField(default=False)
    is_active = BooleanField(default=True)
    is_trusted = BooleanField(default=False, constraints=given("FALSE"))  # something of theirs was approved
    confirmed_at = UTCDateTimeField(null=True)
    name = text(128)
    name_key = text(128)  # fold(name): the order of the index
    location = text(128)
    bio = TextField(default="")  # Markdown, as typed
    bio_html = TextField(default="")  # rendered and cleaned: safe to print
    website = text(2000)
    member_since = UTCDateTimeField(default=utcnow)
    session_epoch = IntegerField(default=0)  # raising it ends all sessions
    talk_count = IntegerField(default=0)  # published ones; see recount

    class Meta:
        indexes = ((("is_speaker", "name_key", "id"), False),)

    session_token = None  # of the session this row was loaded for

    def get_id(self):
        """What Flask-Login remembers: the session, not the user."""
        return self.session_token

    def save(self, *args, **kwargs):
        if "name" in self.dirty_field_names:
            self.name_key = fold(self.name)[: User.name_key.max_length]
        return super().save(*args, **kwargs)

    @property
    def is_claimed(self):
        return self.email is not None

    @property
    def may_publish(self):
        return self.is_active and (self.is_speaker or self.is_admin)

    @classmethod
    def by_email(cls, email):
        return cls.get_or_none(cls.email == email)

    @classmethod
    def speakers(cls):
        """Everybody with a published talk (a query)."""
        # `== True`: of a bare column SQLite does not know that the index begins with it.
        return cls.select().where(cls.is_speaker == True, cls.talk_count > 0)  # noqa: E712

    @classmethod
    def there_is_an_administrator(cls):
        return cls.select().where(cls.is_admin, cls.is_active).exists()

    def set_password(self, password):
        self.password_hash = passwords.hash_password(password)

    @classmethod
    def recount(cls, ids):
        """Set `talk_count` of these users from what is published."""
        spoken = TalkSpeaker.select(_published()).join(Talk).where(TalkSpeaker.user == cls.id)
        _recount(cls, ids, spoken)


class Alias(BaseModel):
    """A former username or another spelling of a speaker. Who it is does not change with the profile."""

    user = ForeignKeyField(User, backref="aliases", on_delete="CASCADE")
    name = CharField(128, unique=True)
    key = CharField(128, index=True)  # fold(name)


class Event(BaseModel):
    """A conference or meeting at which talks were given."""

    slug = CharField(128, unique=True)
    title = CharField(255)
    description = TextField(default="")
    venue = text(255)
    url = text(2000)
    starts_on = CivilDateField()
    ends_on = CivilDateField()
    series = text(255, index=True)  # what the editions of one conference share
    talk_count = IntegerField(default=0)  # published ones; see recount
    extra = JSONTextField(default=dict)  # as in Talk
    imported_digests = JSONTextField(default=dict)  # as in Talk

    class Meta:
        indexes = ((("starts_on", "id"), False),)

    @classmethod
    def listed(cls):
        """Events with something to see (a query)."""
        return cls.select().where(cls.talk_count > 0)

    def editions(self):
        """The other events of the same series, newest first (a query)."""
        others = Event.listed().where(Event.series == self.series, Event.series != "", Event.id != self.id)
        return others.order_by(Event.starts_on.desc(), Event.id)

    @classmethod
    def recount(cls, ids):
        """Set `talk_count` and the days of these events from what is published.

        An event lasts from the first to the last day of its published talks, unless an import said its days.
        """
        ids = list(ids)
        published = Talk.event == cls.id, Talk.status == "published"
        _recount(cls, ids, Talk.select(fn.COUNT(Talk.id)).where(*published))
        for chunk in chunked(ids, 500):
            events = cls.select(cls.id, cls.imported_digests).where(cls.id.in_(chunk))
            here = [
                event.id for event in events if not {"starts_on", "ends_on"} & set(event.imported_digests)
            ]
            first, last = (
                Talk.select(fn.COALESCE(fn.SUBSTR(pick(Talk.date), 1, 10), "")).where(
                    *published, Talk.date > ""
                )
                for pick in (fn.MIN, fn.MAX)
            )
            cls.update(starts_on=first, ends_on=last).where(cls.id.in_(here)).execute()


class Talk(BaseModel):
    """One talk as it was given once. `status` is draft, published or deleted."""

    title = CharField(255)
    slug = text(255)
    description = TextField(default="")  # Markdown, as typed
    description_html = TextField(default="")  # rendered and cleaned: safe to print
    slides_url = text(2000)
    video_url = text(2000)
    venue = text(255)
    venue_url = text(2000)
    date = CivilDateField()
    time_zone = text(64)  # IANA name or offset ("+02:00") of the time in `date`
    duration_s = IntegerField(null=True)
    language = text(35)  # BCP 47
    license = text(255)
    thumbnail_url = text(2000)
    thumbnail_at = UTCDateTimeField(null=True)  # when its picture was copied here
    status = CharField(12, default="draft")
    owner = ForeignKeyField(User, null=True, backref="owned_talks", on_delete="SET NULL")
    event = ForeignKeyField(Event, null=True, backref="talks", index=False, on_delete="SET NULL")
    created_at = UTCDateTimeField(default=utcnow)
    updated_at = UTCDateTimeField(default=utcnow)
    published_at = UTCDateTimeField(null=True)  # since when; null in a draft
    deleted_at = UTCDateTimeField(null=True)
    extra = JSONTextField(default=dict)  # what an import brought that has no column
    imported_from = CharField(32, null=True)
    imported_key = CharField(255, null=True)  # the record's name there
    imported_digests = JSONTextField(default=dict)  # field -> digest of what the last import wrote
    discussion = text(12, constraints=given("''"))  # as chosen; see discussion_rule
    discussion_days = IntegerField(null=True)  # after publication; null: never closes by itself
    comment_count = IntegerField(default=0, constraints=given(0))  # approved ones
    last_number = IntegerField(default=0, constraints=given(0))  # of its comments

    class Meta:
        indexes = (
            (("status", "date", "id"), False),
            (("event", "status", "date", "id"), False),
            (("imported_from", "imported_key"), True),
        )

    # Set by attach_speakers: a list of User in the order they are named.
    speakers = None

    @property
    def picture_url(self):
        """Where this site keeps the talk's real picture; None while we draw one."""
        return f"/thumbnail/{self.id}.jpg" if self.thumbnail_at else None

    @property
    def discussion_rule(self):
        """Who may comment: open, moderated, members or closed. What nobody chose is closed in an import."""
        return self.discussion or ("closed" if self.imported_from else "moderated")

    @property
    def closes_at(self):
        """When the discussion closes by itself, or None."""
        if self.discussion_days is None or self.published_at is None:
            return None
        return self.published_at + timedelta(days=self.discussion_days)

    @property
    def is_open_for_comments(self):
        """Whether anybody at all may comment now."""
        closed = self.discussion_rule == "closed" or (self.closes_at and self.closes_at <= utcnow())
        return self.is_published and not closed

    def takes_comments_from(self, user):
        """Whether `user` (None: a visitor) may comment now. Who decides about the comments always may."""
        if user is not None and self.is_published and self.moderated_by(user):
            return True
        return self.is_open_for_comments and (user is not None or self.discussion_rule != "members")

    def shows_at_once(self, user):
        """Whether what `user` (None: a visitor) writes need not wait, unless it looks like spam."""
        if user is not None and (user.is_trusted or self.moderated_by(user)):
            return True
        return self.discussion_rule == "open"

    @property
    def is_draft(self):
        return self.status == "draft"

    @property
    def is_deleted(self):
        return self.status == "deleted"

    @property
    def is_published(self):
        return self.status == "published"

    @classmethod
    def rows(cls):
        """What a list shows of each talk and its event, not the long texts (a query)."""
        long = {"description", "description_html", "extra", "imported_digests"}
        columns = [field for field in cls._meta.sorted_fields if field.name not in long]
        return cls.select(*columns, Event.id, Event.slug, Event.title).left_outer_join(Event)

    @classmethod
    def published(cls):
        """What everybody may read (rows; a query)."""
        return cls.rows().where(cls.status == "published")

    @classmethod
    def visible_to(cls, user):
        """What `user` (None: a visitor) may read, whole and with its event (a query)."""
        talks = cls.select(cls, Event).left_outer_join(Event)
        if user is None:
            return talks.where(cls.status == "published")
        if user.is_admin:
            return talks
        spoken = (cls.status == "draft") & cls.id.in_(cls.ids_spoken_by(user))
        return talks.where((cls.status == "published") | (cls.owner == user) | spoken)

    @classmethod
    def ids_spoken_by(cls, user):
        """Ids of the talks that name `user` as a speaker (a query)."""
        return TalkSpeaker.select(TalkSpeaker.talk).where(TalkSpeaker.user == user)

    @classmethod
    def ids_moderated_by(cls, user):
        """Ids of the talks whose comments `user` decides about, administrators aside (a query)."""
        there = fn.COALESCE(cls.status, "") != "deleted"  # no index serves it, as in has_status
        spoken = cls.ids_spoken_by(user).join(cls).where(there)
        return spoken | cls.select(cls.id).where(cls.owner == user, there)

    def moderated_by(self, user):
        """Whether `user` decides about the comments of this talk: who speaks, its owner, administrators."""
        return user.is_active and (user.is_admin or self.owner_id == user.id or user in self.speakers)

    @classmethod
    def has_status(cls, status):
        """A condition for talks that are found by who speaks in them or owns them.

        No index serves it, on purpose: without statistics SQLite would rather read all talks of that status
        than look up those few.
        """
        return fn.COALESCE(cls.status, "") == status

    @classmethod
    def spoken_by(cls, user):
        """Published talks of one speaker (rows; a query)."""
        return cls.rows().where(cls.has_status("published"), cls.id.in_(cls.ids_spoken_by(user)))

    @classmethod
    def at(cls, event):
        """Published talks of one event (rows; a query)."""
        return cls.published().where(cls.event == event)

    @classmethod
    def tagged(cls, tag):
        """Published talks with one tag, read by the tag's own index (rows; a query)."""
        return cls.published().switch(cls).join(TalkTag).where(TalkTag.tag == tag)

    @classmethod
    def written_by(cls, user, status):
        """What `user` wrote or speaks in, in one status, last changed first (rows; a query)."""
        own = (cls.owner == user) | cls.id.in_(cls.ids_spoken_by(user))
        return cls.rows().where(cls.has_status(status), own).order_by(cls.updated_at.desc())

    @classmethod
    def deleted_by(cls, user):
        """Deleted talks that `user` may bring back, last deleted first (rows; a query)."""
        deleted = cls.rows().where(cls.status == "deleted").order_by(cls.deleted_at.desc())
        return deleted if user.is_admin else deleted.where(cls.owner == user)

    @classmethod
    def years(cls):
        """Years from the newest published talk to the oldest; none without a dated one.

        A date that an import got wrong makes no list of thousands: it goes from next year back to 1900.
        """
        dated = cls.status == "published", cls.date > ""
        ends = cls.select(fn.MIN(cls.date)).where(*dated), cls.select(fn.MAX(cls.date)).where(*dated)
        # Two scalar queries: asked together in one, SQLite reads the whole index.
        first, last = Select([], ends).bind(cls._meta.database).tuples()[0]
        if not first:
            return range(0)
        return range(min(int(last[:4]), utcnow().year + 1), max(int(first[:4]), 1900) - 1, -1)

    def editable_by(self, user):
        """Whether `user` may change this talk: its owner, its speakers with an account, administrators."""
        if not user.may_publish:
            return False
        return user.is_admin or self.owner_id == user.id or user in self.speakers

    def owned_by(self, user):
        """Whether `user` may change who speaks, delete it and bring it back."""
        return user.may_publish and (user.is_admin or self.owner_id == user.id)

    def publish(self):
        """Show this talk to everybody. False if it was not a draft."""
        return self._move("draft", status="published", published_at=utcnow())

    def unpublish(self):
        """Take this talk back into a draft. False if it was not published."""
        return self._move("published", status="draft", published_at=None)

    def delete_softly(self):
        """Delete in a way that `restore` undoes. False if it was deleted before."""
        return self._move("draft", "published", status="deleted", deleted_at=utcnow())

    def restore(self):
        """Bring a deleted talk back as what it was. False if it was not deleted."""
        status = "published" if self.published_at else "draft"
        return self._move("deleted", status=status, deleted_at=None)

    def _move(self, *from_statuses, **values):
        values["updated_at"] = utcnow()
        changed = Talk.update(values).where(Talk.id == self.id, Talk.status.in_(from_statuses)).execute()
        if changed:
            self.__data__.update(values)
        return changed == 1

    def neighbours(self):
        """The published talks before and after this one at its event: (Talk or None, Talk or None)."""
        if not self.event_id:
            return None, None
        here = Talk.date.db_value(self.date)
        others = Talk.select(Talk.id, Talk.title, Talk.language, Talk.date)
        others = others.where(Talk.event == self.event_id, Talk.status == "published")
        before = (Talk.date < here) | ((Talk.date == here) & (Talk.id < self.id))
        after = (Talk.date > here) | ((Talk.date == here) & (Talk.id > self.id))
        previous = others.where(Talk.date <= here, before).order_by(Talk.date.desc(), Talk.id.desc()).limit(1)
        following = others.where(Talk.date >= here, after).order_by(Talk.date, Talk.id).limit(1)
        return previous.first(), following.first()

    @classmethod
    def attach_speakers(cls, talks):
        """Give each of `talks` its `speakers`, in one query; returns `talks`."""
        by_id = {talk.id: talk for talk in talks}
        for talk in talks:
            talk.speakers = []
        if by_id:
            rows = TalkSpeaker.select(TalkSpeaker, User.id, User.username, User.name, User.email).join(User)
            for row in rows.where(TalkSpeaker.talk.in_(list(by_id))).order_by(
                TalkSpeaker.talk, TalkSpeaker.position
            ):
                by_id[row.talk_id].speakers.append(row.user)
        return talks


class TalkSpeaker(BaseModel):
    """Who gave a talk, in the order they are named."""

    talk = ForeignKeyField(Talk, on_delete="CASCADE", index=False)
    user = ForeignKeyField(User, on_delete="RESTRICT")
    position = SmallIntegerField(default=0)

    class Meta:
        indexes = ((("talk", "user"), True),)


class Link(BaseModel):
    """Something that belongs to a talk elsewhere. `kind` is slides, video, code, paper or web."""

    talk = ForeignKeyField(Talk, backref="links", on_delete="CASCADE")
    kind = CharField(12, default="web")
    url = CharField(2000)
    label = text(255)


class Tag(BaseModel):
    """A subject. Spellings that differ only in case, accents, blanks or punctuation are one."""

    slug = CharField(128, unique=True)
    name = CharField(128)
    key = CharField(128, unique=True)  # fold_tag(name): the identity, and the order of the index
    talk_count = IntegerField(default=0)  # published ones; see recount

    @classmethod
    def listed(cls):
        """Tags with something to see (a query)."""
        return cls.select().where(cls.talk_count > 0)

    @classmethod
    def of(cls, talk):
        """The tags of one talk by name (a query)."""
        return cls.select().join(TalkTag).where(TalkTag.talk == talk).order_by(cls.key)

    @classmethod
    def named(cls, name):
        """The tag of that spelling or of one like it; made when there is none."""
        key = fold_tag(name)[: cls.key.max_length]
        if not key:
            raise ValueError(f"{name!r} has neither letter nor digit")
        tag = cls.get_or_none(cls.key == key)
        return tag or cls.create(key=key, name=name, slug=free_slug(cls, slug(name), key))

    @classmethod
    def recount(cls, ids):
        """Set `talk_count` of these tags from what is published."""
        tagged = TalkTag.select(_published()).join(Talk).where(TalkTag.tag == cls.id)
        _recount(cls, ids, tagged)


class TalkTag(BaseModel):
    """A talk's subject."""

    talk = ForeignKeyField(Talk, on_delete="CASCADE")
    tag = ForeignKeyField(Tag, on_delete="CASCADE", index=False)
    date = CivilDateField()  # the talk's, so that the page of a tag reads one index however many talks it has

    class Meta:
        indexes = ((("tag", "talk"), True), (("tag", "date", "talk"), False))


class Session(BaseModel):
    """One browser that is signed in. The cookie holds a token; here is only its digest."""

    REMEMBERED = timedelta(days=30)
    IDLE = timedelta(hours=12)  # of one that is not remembered

    user = ForeignKeyField(User, backref="sessions", on_delete="CASCADE")
    token_digest = CharField(64, unique=True)
    epoch = IntegerField()  # User.session_epoch when it began
    remembered = BooleanField(default=False)
    created_at = UTCDateTimeField(default=utcnow)
    seen_at = UTCDateTimeField(default=utcnow)  # to the hour
    expires_at = UTCDateTimeField(index=True)

    @classmethod
    def begin(cls, user, remembered):
        """A new session's token, which only the browser will know."""
        cls.delete().where(cls.expires_at < utcnow()).execute()
        token = secrets.token_urlsafe(32)
        expires_at = utcnow() + (cls.REMEMBERED if remembered else cls.IDLE)
        cls.create(
            user=user, token_digest=_digest(token), epoch=user.session_epoch, remembered=remembered,
            expires_at=expires_at,
        )  # fmt: skip
        return token

    @classmethod
    def user_of(cls, token):
        """Who is signed in with `token`; None when it is unknown, ended or too old."""
        now = utcnow()
        rows = cls.select(cls, User).join(User).where(cls.token_digest == _digest(token))
        row = rows.where(cls.expires_at > now, cls.epoch == User.session_epoch, User.is_active).first()
        if row is None:
            return None
        if now - row.seen_at > timedelta(hours=1):
            row._extend(now)
        row.user.session_token = token
        return row.user

    def _extend(self, now):
        """Note the visit; at most one write an hour."""
        expires_at = now + (self.REMEMBERED if self.remembered else self.IDLE)
        Session.update(seen_at=now, expires_at=expires_at).where(Session.id == self.id).execute()

    @classmethod
    def end(cls, token):
        cls.delete().where(cls.token_digest == _digest(token)).execute()


class LoginAttempt(BaseModel):
    """A try to sign in. `account` and `network` are keyed digests: the table names nobody."""

    WINDOW = timedelta(minutes=15)
    PER_ACCOUNT = 5  # failures from one network for one account, so nobody can lock another out
    PER_NETWORK = 30

    account = CharField(64)
    network = CharField(64)
    at = UTCDateTimeField(default=utcnow, index=True)

    class Meta:
        indexes = ((("network", "account", "at"), False),)

    @classmethod
    def reserve(cls, account, network):
        """Count one attempt before its password is looked at; None when there were too many.

        Written first, so that attempts made at once are all counted.
        """
        now = utcnow()
        with database.atomic():
            cls.delete().where(cls.at < now - timedelta(days=1)).execute()
            recent = cls.select(fn.COUNT(cls.id)).where(cls.network == network, cls.at > now - cls.WINDOW)
            if recent.scalar() >= cls.PER_NETWORK:
                return None
            if recent.where(cls.account == account).scalar() >= cls.PER_ACCOUNT:
                return None
            return cls.create(account=account, network=network, at=now)

    def forgive(self):
        """It succeeded: it and the failures before it no longer count."""
        same = LoginAttempt.account == self.account, LoginAttempt.network == self.network
        LoginAttempt.delete().where(*same).execute()


class Comment(BaseModel):
    """One question or remark under a talk. `status`: pending, approved, rejected, spam or deleted."""

    EDITABLE = timedelta(minutes=15)  # by its author
    MOST_COUNTED = 100

    talk = ForeignKeyField(Talk, backref="comments", on_delete="CASCADE", index=False)
    number = IntegerField()  # under its talk, in the order of arrival; never given twice
    parent = ForeignKeyField("self", null=True, backref="replies", on_delete="CASCADE")
    author = ForeignKeyField(User, null=True, backref="comments", on_delete="SET NULL")  # None: a visitor
    author_name = text(64)
    author_email = LowerCharField(320, null=True)  # for the speakers and administrators of the talk only
    body = TextField()  # Markdown, as typed
    body_html = TextField()  # rendered and cleaned: safe to print
    created_at = UTCDateTimeField(default=utcnow)
    edited_at = UTCDateTimeField(null=True)
    status = CharField(12, default="pending")
    was = text(12)  # the status before the last decision, for undoing it
    decided_at = UTCDateTimeField(null=True)
    reported_at = UTCDateTimeField(null=True, index=True)  # somebody asked to look at it again
    notify = BooleanField(default=False)  # tell its author of what comes after
    network = text(64)  # keyed digest of where it came from

    class Meta:
        indexes = (
            (("talk", "number"), True),
            (("status", "created_at", "id"), False),
            (("talk", "status", "created_at"), False),
            (("talk", "reported_at"), False),
            # Who is to be told: read from the index alone, however long a discussion is.
            (("talk", "notify", "status", "author", "author_email"), False),
            (("network", "created_at"), False),
            (("author_email", "talk"), False),
        )

    @classmethod
    def visible_to(cls, user):
        """What `user` (None: a visitor) may read, with author and talk (a query)."""
        return cls.with_author_and_talk().where(cls.readable_by(user))

    @classmethod
    def with_author_and_talk(cls):
        """All comments, whoever asks (a query)."""
        return cls.select(cls, Talk, User).join(Talk).switch(cls).join(User, JOIN.LEFT_OUTER, on=cls.author)

    @classmethod
    def readable_by(cls, user):
        """The condition for what `user` (None: a visitor) may read, in a query that joins the talk."""
        shown = (cls.status == "approved") & (Talk.status == "published")
        if user is None:
            return shown
        if user.is_admin:
            return cls.id.is_null(False)
        return shown | (cls.author == user) | cls.talk.in_(Talk.ids_moderated_by(user))

    @classmethod
    def for_moderation(cls, user, reported=False, own=False):
        """Ids and times of what waits for `user`: not decided yet, or reported since. See `whole` (a query).

        `own`: only under the talks of `user`, also for an administrator.
        Reads no more than that, however much waits elsewhere. SQLite has no statistics, but keeps the order
        of a CROSS JOIN; and MariaDB would ask a UNION in IN (…) again for each comment.
        """
        waiting = cls.status == "pending"
        if reported:  # compared, as no index of SQLite serves IS NOT NULL; and only that index may serve
            waiting = (cls.reported_at > LONG_AGO) & (fn.COALESCE(cls.status, "") == "approved")
        columns = cls.select(cls.id, cls.created_at, cls.reported_at)
        if user.is_admin and not own:
            deleted = Talk.select(Talk.id).where(Talk.status == "deleted")
            return columns.where(waiting, cls.talk.not_in(deleted))
        talks = Talk.ids_moderated_by(user).alias("talks")
        return columns.from_(Join(talks, cls, JOIN.CROSS)).where(cls.talk == talks.c.talk_id, waiting)

    @classmethod
    def count_waiting(cls, user, most=MOST_COUNTED):
        """How much waits for `user`; not counted beyond `most`, which is enough to say "many"."""
        found = [cls.for_moderation(user, reported).limit(most) for reported in (False, True)]
        counts = [Select([each.alias("waiting")], [fn.COUNT(SQL("*"))]) for each in found]
        return min(sum(Select([], counts).bind(cls._meta.database).tuples()[0]), most)

    @classmethod
    def whole(cls, ids):
        """The comments of these ids in their order, with author, talk and parent."""
        parent = cls.alias()
        rows = cls.with_author_and_talk().switch(cls).select_extend(parent.id, parent.number)
        rows = rows.join_from(cls, parent, JOIN.LEFT_OUTER, on=cls.parent, attr="parent")
        found = {row.id: row for row in rows.where(cls.id.in_(list(ids)))}
        return [found[id_] for id_ in ids if id_ in found]

    @property
    def is_editable(self):
        """Whether its author may still change it."""
        return self.status in ("pending", "approved") and utcnow() < self.created_at + self.EDITABLE

    @property
    def is_waiting(self):
        """Whether those who decide are to look at it: for the first time, or again because of a reader."""
        return self.status == "pending" or (self.status == "approved" and self.reported_at is not None)

    @property
    def shown_name(self):
        return (self.author.name or self.author.username) if self.author else self.author_name

    @property
    def edition(self):
        """Which text it is: "" for the first, then when it was changed (RFC 3339)."""
        return self.edited_at.isoformat().replace("+00:00", "Z") if self.edited_at else ""

    def move(self, *from_statuses, to):
        """Decide: from one of these statuses to another. False if it had another: somebody was faster.

        Nor is anything decided about another text than this one.
        """
        values = {"status": to, "decided_at": utcnow()}
        if to == "approved":
            values["reported_at"] = None  # any other status keeps it: undone, it waits again
        for status in sorted(from_statuses, key=lambda status: status != self.status):
            # `was` is a value, and so one status at a time: MariaDB assigns from left to right, and would
            # find the new status in the column.
            values["was"] = status
            same = Comment.id == self.id, Comment.status == status, Comment.edited_at == self.edited_at
            if Comment.update(values).where(*same).execute():
                self.__data__.update(values)
                return True
        return False

    def move_back(self):
        """Undo the last decision. False if there is none, or somebody decided anew since this was read."""
        values = {"status": self.was, "was": "", "decided_at": utcnow()}
        same = Comment.id == self.id, Comment.status == self.status, Comment.was == self.was
        if not self.was or not Comment.update(values).where(*same).execute():
            return False
        self.__data__.update(values)
        return True

    def mark_reported(self, yes):
        """Let it wait once more although it is shown, or no longer. False if nothing changed."""
        same = Comment.id == self.id, Comment.status == "approved", Comment.reported_at.is_null(yes)
        values = {"reported_at": utcnow() if yes else None}
        if not Comment.update(values).where(*same).execute():
            return False
        self.__data__.update(values)
        return True


class MailAddress(BaseModel):
    """An address without an account that was asked, once, whether it wants mail."""

    email = LowerCharField(320, unique=True)
    asked_at = UTCDateTimeField(default=utcnow)
    confirmed_at = UTCDateTimeField(null=True)


class Muted(BaseModel):
    """A moderator who wants no mail about the comments that wait on one talk."""

    email = LowerCharField(320)
    talk = ForeignKeyField(Talk, on_delete="CASCADE")

    class Meta:
        indexes = ((("email", "talk"), True),)


class OutboxMail(BaseModel):
    """A mail to be sent, written in the transaction of what it tells of."""

    message_id = CharField(255, unique=True)  # the same at every try
    waiting = SmallIntegerField(null=True, default=1)  # null once claimed: at most one of a kind waits
    kind = CharField(32)  # the folder of its templates
    to_name = text(128)
    to_email = LowerCharField(320)
    talk = ForeignKeyField(Talk, null=True, on_delete="CASCADE")
    payload = JSONTextField(default=dict)  # what the message lists: {"comments": [3, 4]}
    created_at = UTCDateTimeField(default=utcnow)
    due_at = UTCDateTimeField()
    claimed_at = UTCDateTimeField(null=True)
    attempts = SmallIntegerField(default=0)
    sent_at = UTCDateTimeField(null=True)
    failed_at = UTCDateTimeField(null=True, index=True)
    error = text(255)

    class Meta:
        indexes = ((("to_email", "talk", "kind", "waiting"), True), (("sent_at", "due_at"), False))

    def try_anew(self):
        """Have it tried again although it was given up. False if it was not."""
        values = {"failed_at": None, "claimed_at": None, "attempts": 0, "due_at": utcnow()}
        given_up = OutboxMail.id == self.id, OutboxMail.failed_at.is_null(False)
        return OutboxMail.update(values).where(*given_up).execute() == 1


class Lease(BaseModel):
    """A job that one process at a time does: who holds it renews it, others take it when it has run out."""

    name = CharField(32, unique=True)
    holder = text(64)
    until = UTCDateTimeField()

    @classmethod
    def hold(cls, name, holder, seconds):
        """Take or renew it for that long. False while somebody else has it."""
        now, until = utcnow(), utcnow() + timedelta(seconds=seconds)
        row = cls.get_or_none(cls.name == name)
        if row is None:
            fresh = cls.insert(name=name, holder=holder, until=until)
            return fresh.on_conflict_ignore().as_rowcount().execute() == 1
        if row.until > now:
            if row.holder != holder:
                return False
            if row.until - now > timedelta(seconds=seconds / 2):
                return True  # a write each time would be many
        unchanged = cls.name == name, cls.holder == row.holder, cls.until == row.until
        return cls.update(holder=holder, until=until).where(*unchanged).execute() == 1

    @classmethod
    def release(cls, name, holder):
        cls.delete().where(cls.name == name, cls.holder == holder).execute()


class BlockedWord(BaseModel):
    """A word or domain; a comment that holds it waits, whoever wrote it."""

    word = LowerCharField(128, unique=True)


class Refusal(BaseModel):
    """A comment that was not taken, and why. Many in one hour from one network share a row."""

    talk = ForeignKeyField(Talk, null=True, on_delete="CASCADE")
    reason = CharField(32)
    excerpt = text(200)
    network = text(64)
    times = IntegerField(default=1)
    at = UTCDateTimeField(default=utcnow, index=True)

    class Meta:
        indexes = ((("network", "at"), False),)


class Purged(BaseModel):
    """An imported talk that is gone for good: the next import does not bring it back."""

    imported_from = CharField(32)
    imported_key = CharField(255)

    class Meta:
        indexes = ((("imported_from", "imported_key"), True),)


TABLES = [
    User, Alias, Event, Talk, TalkSpeaker, Link, Tag, TalkTag, Session, LoginAttempt,
    Comment, MailAddress, Muted, OutboxMail, Lease, BlockedWord, Refusal, Purged,
]  # fmt: skip


def free_slug(model, wanted, fallback):
    """`wanted`, or the first of wanted-2, wanted-3 … that no row of `model` has. Call it in a transaction."""
    longest = model.slug.max_length - 8
    wanted = (wanted or slug(fallback) or model.__name__.lower())[:longest]
    taken, number = wanted, 1
    while model.select().where(model.slug == taken).exists():
        number += 1
        taken = f"{wanted}-{number}"
    return taken


def _published():
    """How many of the joined talks are published.

    Not a condition: with one, SQLite starts from all published talks and looks for the user or tag in each.
    """
    return fn.COUNT(Case(None, [(Talk.status == "published", 1)]))


def _recount(model, ids, counting):
    for chunk in chunked(ids, 500):
        model.update(talk_count=counting).where(model.id.in_(chunk)).execute()


def _digest(token):
    return hashlib.sha256(token.encode()).hexdigest()
