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
    BigIntegerField,
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
FORMER_MEMBER = "A former member"
FORMER_PREFIX = "former-"  # of the username that such an account then has


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
    """An account and a speaker's profile in one row.

    An account has an `email`, or waits for one to be confirmed: `new_email`. A profile without either is
    nobody's yet.
    """

    UNCONFIRMED = timedelta(days=1)  # for how long a username is held
    NO_PICTURE = "-"  # as an avatar: the owner wants none, so that none is asked of Gravatar

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
    avatar = text(64, constraints=given("''"))  # a file's name; "" (none yet) and NO_PICTURE: drawn by us
    reset_serial = IntegerField(default=0, constraints=given(0))  # raising it ends links that set a password
    gone_at = UTCDateTimeField(null=True)  # its owner has deleted the account
    new_email = LowerCharField(320, null=True)  # becomes `email` when it is confirmed; several may want one

    class Meta:
        indexes = ((("is_speaker", "name_key", "id"), False), (("new_email",), False))

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
        return self.email is not None or self.new_email is not None

    @property
    def is_unclaimed(self):
        """Whether this is no account, and never was one: whom it tells of may make it theirs."""
        return not self.is_claimed and self.gone_at is None

    @classmethod
    def is_nobodys(cls):
        """The condition for what is_unclaimed says."""
        return cls.email.is_null() & cls.new_email.is_null() & cls.gone_at.is_null()

    @property
    def shown_name(self):
        return self.name or self.username

    @property
    def may_write(self):
        """Whether they may write at all: nobody has blocked them, and their address is confirmed."""
        return self.is_active and self.confirmed_at is not None

    @property
    def may_publish(self):
        return self.is_active and (self.is_speaker or self.is_admin)

    @property
    def has_address(self):
        """Whether an address of theirs is confirmed."""
        return bool(self.email and self.confirmed_at)

    @property
    def is_read_at_once(self):
        """Whether no administrator looks first at what they write in the journal."""
        return self.is_trusted or self.may_publish

    @property
    def may_administrate(self):
        return self.is_active and self.is_admin

    @property
    def unconfirmed_email(self):
        """The address that a link is to confirm; None when none is."""
        return self.new_email or (self.email if self.confirmed_at is None else None)

    @classmethod
    def is_account(cls, username):
        """Whether that is the username of an account that can be asked something."""
        return cls.reachable().where(cls.username == username).exists()

    @classmethod
    def reachable(cls, *columns):
        """Accounts that mail may go to (a query); of `columns`, or whole."""
        users = cls.select(*columns)
        return users.where(cls.is_active, cls.email.is_null(False), cls.confirmed_at.is_null(False))

    @classmethod
    def by_email(cls, email):
        return cls.get_or_none(cls.email == email)

    @classmethod
    def is_taken(cls, username):
        """Whether somebody has that username, waits for it, or had it once: their pages are found by it."""
        own = cls.select().where(cls.username == username)
        return own.exists() or Alias.select().where(Alias.name == username.lower()).exists()

    @classmethod
    def never_confirmed(cls):
        """The condition for accounts that wait for their first address: nothing else is theirs yet."""
        return cls.email.is_null() & cls.confirmed_at.is_null() & cls.new_email.is_null(False)

    @classmethod
    def forget_unconfirmed(cls):
        """Delete accounts whose first address was not confirmed in time. Their usernames are free again."""
        late = cls.member_since < utcnow() - cls.UNCONFIRMED
        return cls.delete().where(cls.never_confirmed(), late).execute()

    @classmethod
    def speakers(cls):
        """Everybody with a published talk (a query)."""
        # `== True`: of a bare column SQLite does not know that the index begins with it.
        return cls.select().where(cls.is_speaker == True, cls.talk_count > 0)  # noqa: E712

    @classmethod
    def there_is_an_administrator(cls):
        return cls.select().where(cls.is_admin, cls.is_active).exists()

    @classmethod
    def lock(cls, id_):
        """Let nobody else change this row, or what hangs on it, until the transaction ends.

        By a write that changes nothing: who does the same at the same time waits, on every database, and then
        reads what came of this.
        """
        cls.update(session_epoch=cls.session_epoch).where(cls.id == id_).execute()

    def set_password(self, password):
        """Another password: once it is saved, links that would set one, sessions and API tokens end."""
        self.password_hash = passwords.hash_password(password)
        self.session_epoch += 1
        self.reset_serial += 1

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
    asked = ()  # accounts that a change of the speakers has asked whether they speak

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
        if user.may_administrate:
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
        return deleted if user.may_administrate else deleted.where(cls.owner == user)

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
            people = User.id, User.username, User.name, User.email, User.avatar
            rows = TalkSpeaker.select(TalkSpeaker, *people).join(User)
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
    """One browser that is signed in. Its cookies hold tokens; here are only their digests.

    `token_digest` is of a token that the browser forgets when it is closed, `remember_digest` of one that it
    keeps, and that gets it another of each kind. `remember_before` is of the one that it kept until then:
    requests that a browser sends at once all bring the same.
    """

    REMEMBERED = timedelta(days=30)
    AT_ONCE = timedelta(minutes=1)  # for how long the token before counts
    IDLE = timedelta(hours=12)  # of one that is not remembered

    user = ForeignKeyField(User, backref="sessions", on_delete="CASCADE")
    token_digest = CharField(64, unique=True)
    epoch = IntegerField()  # User.session_epoch when it began
    remembered = BooleanField(default=False)
    remember_digest = CharField(64, null=True, unique=True)
    remember_before = CharField(64, null=True, index=True)
    created_at = UTCDateTimeField(default=utcnow)
    seen_at = UTCDateTimeField(default=utcnow)  # to the hour
    expires_at = UTCDateTimeField(index=True)
    browser = text(255, constraints=given("''"))  # as it calls itself, for the list of one's sessions
    network = text(64, constraints=given("''"))  # keyed digest of where it began

    @classmethod
    def begin(cls, user, remembered, browser="", network=""):
        """A new session's token, which only the browser will know."""
        cls.delete().where(cls.expires_at < utcnow()).execute()
        token = secrets.token_urlsafe(32)
        cls.create(
            user=user, token_digest=_digest(token), epoch=user.session_epoch, remembered=remembered,
            expires_at=utcnow() + cls._lasts(remembered), browser=browser[: cls.browser.max_length],
            network=network,
        )  # fmt: skip
        return token

    @classmethod
    def remember(cls, token):
        """A token that gets the session of `token` another one, for as long as the session lasts."""
        lasting = secrets.token_urlsafe(32)
        cls.update(remember_digest=_digest(lasting)).where(cls.token_digest == _digest(token)).execute()
        return lasting

    @classmethod
    def user_of(cls, token):
        """Who is signed in with `token`; None when it is unknown, ended or too old."""
        now, row = utcnow(), cls._living(cls.token_digest == _digest(token))
        if row is None:
            return None
        if now - row.seen_at > timedelta(hours=1):  # at most one write an hour
            row._extend(now)
        row.user.session_token = token
        return row.user

    @classmethod
    def remembered_by(cls, lasting):
        """The session of that token of `remember`; None when it is unknown, ended or too old."""
        return cls._living(cls.remember_digest == _digest(lasting))

    @classmethod
    def user_just_remembered_by(cls, lasting):
        """Who was remembered by that token until a moment ago; None likewise."""
        just_now = cls.seen_at > utcnow() - cls.AT_ONCE
        row = cls._living((cls.remember_before == _digest(lasting)) & just_now)
        return row and row.user

    def resume(self, browser, network):
        """Go on where the browser was closed; what is given as by `renew`."""
        now = utcnow()
        return self.renew(
            remember_before=self.remember_digest, browser=browser[: Session.browser.max_length],
            network=network, seen_at=now, expires_at=now + self._lasts(self.remembered),
        )  # fmt: skip

    def renew(self, **values):
        """(token, token that remembers or "") in the place of its present ones; None if others came first."""
        token, lasting = (secrets.token_urlsafe(32) for _ in range(2))
        lasting = lasting if self.remember_digest else ""
        fresh = {"token_digest": _digest(token), "remember_digest": _digest(lasting) if lasting else None}
        same = Session.id == self.id, Session.token_digest == self.token_digest
        changed = Session.update({"remember_before": None} | fresh | values).where(*same).execute()
        return (token, lasting) if changed else None

    @classmethod
    def _living(cls, condition):
        rows = cls.select(cls, User).join(User).where(condition, User.is_active)
        return rows.where(cls.expires_at > utcnow(), cls.epoch == User.session_epoch).first()

    @classmethod
    def _lasts(cls, remembered):
        return cls.REMEMBERED if remembered else cls.IDLE

    def _extend(self, now):
        values = {"seen_at": now, "expires_at": now + self._lasts(self.remembered), "remember_before": None}
        Session.update(values).where(Session.id == self.id).execute()

    @classmethod
    def of(cls, user):
        """Where `user` is signed in, last seen first (a query)."""
        living = cls.user == user, cls.expires_at > utcnow(), cls.epoch == user.session_epoch
        return cls.select().where(*living).order_by(cls.seen_at.desc(), cls.id.desc())

    def has(self, token):
        """Whether this is the session of `token`."""
        return token is not None and self.token_digest == _digest(token)

    @classmethod
    def end(cls, token):
        cls.delete().where(cls.token_digest == _digest(token)).execute()

    @classmethod
    def end_others(cls, user, token=None):
        """End all sessions of `user` but the one of `token`, and all tokens of the API. In a transaction.

        The one goes on with other tokens, so that copies of its cookies end too: given as by `renew`.
        """
        User.update(session_epoch=User.session_epoch + 1).where(User.id == user.id).execute()
        own = _digest(token or "")
        cls.delete().where(cls.user == user, cls.token_digest != own).execute()
        user.session_epoch = User.select(User.session_epoch).where(User.id == user.id).scalar()
        kept = cls.get_or_none(cls.token_digest == own)
        return kept and kept.renew(epoch=user.session_epoch)


class LoginAttempt(BaseModel):
    """A try that is limited: to sign in, or to have a mail sent. Its digests are keyed: it names nobody."""

    DAY = timedelta(days=1)  # that a try counts
    PER_ACCOUNT = 5  # failures at one account from one network; the next one waits
    PER_NETWORK = 30  # failures from one network at any accounts
    FIRST, LONGEST = timedelta(minutes=1), timedelta(hours=1)  # waits: each twice as long as the one before

    account = CharField(64)
    network = CharField(64)
    at = UTCDateTimeField(default=utcnow, index=True)

    class Meta:
        indexes = ((("network", "account", "at"), False),)

    @classmethod
    def reserve(cls, account, network, is_known=lambda: False):
        """(attempt, None), counted before it is judged; or (None, timedelta to wait for).

        Written first, so that attempts made at once are all counted. Others in the same network do not keep
        out for whom `is_known` says, when it is asked, that they have been let in from there.
        """
        now = utcnow()
        with database.atomic():
            cls.delete().where(cls.at < now - cls.DAY).execute()
            recent = cls.select(fn.COUNT(cls.id), fn.MAX(cls.at)).where(cls.network == network)
            wait = cls._wait(*recent.where(cls.account == account).tuples()[0], now, cls.PER_ACCOUNT, 1)
            if not wait:
                wait = cls._wait(*recent.tuples()[0], now, cls.PER_NETWORK, 10)
                wait = wait and not is_known() and wait
            if wait:
                return None, wait
            return cls.create(account=account, network=network, at=now), None

    @classmethod
    def _wait(cls, failures, last, now, free, step):
        """How long to wait after so many failures, the last of them then. One in `step` doubles it."""
        if failures < free:
            return None
        wait = min(cls.FIRST * 2 ** min((failures - free) // step, 10), cls.LONGEST)
        return max(last + wait - now, timedelta(0)) or None

    @classmethod
    def take(cls, whose, most):
        """Count one of the `most` a day that `whose`, a digest, has. False when there is none left."""
        now = utcnow()
        with database.atomic():
            own = cls.network == "", cls.account == whose, cls.at > now - cls.DAY
            if cls.select().where(*own).count() >= most:
                return False
            cls.create(account=whose, network="", at=now)
            return True

    def forgive(self):
        """It succeeded: it and the failures before it no longer count."""
        same = LoginAttempt.account == self.account, LoginAttempt.network == self.network
        LoginAttempt.delete().where(*same).execute()


class Moderated:
    """What moves a row between the statuses that somebody decides about; see talks/moderation.py.

    `status` is pending, approved, rejected, spam or deleted (by its author); `was` is the one before the last
    decision, and `decided_at` the time of that.
    """

    @property
    def edition(self):
        """Which text it is: "" for the first, then when it was changed (RFC 3339)."""
        return self.edited_at.isoformat().replace("+00:00", "Z") if self.edited_at else ""

    def move(self, *from_statuses, to):
        """Decide: from one of these statuses to another. False if it had another: somebody was faster.

        Nor is anything decided about another text than this one.
        """
        model, values = type(self), {"status": to, "decided_at": utcnow()} | self.changed_by(to)
        for status in sorted(from_statuses, key=lambda status: status != self.status):
            # `was` is a value, and so one status at a time: MariaDB assigns from left to right, and would
            # find the new status in the column.
            values["was"] = status
            same = model.id == self.id, model.status == status, model.edited_at == self.edited_at
            if model.update(values).where(*same).execute():
                self.__data__.update(values)
                return True
        return False

    def move_back(self):
        """Undo the last decision. False if there is none, or somebody decided anew since this was read."""
        model, values = type(self), {"status": self.was, "was": "", "decided_at": utcnow()}
        same = model.id == self.id, model.status == self.status, model.was == self.was
        if not self.was or not model.update(values).where(*same).execute():
            return False
        self.__data__.update(values)
        return True

    def changed_by(self, status):
        """What else changes in the row when it gets this status."""
        return {}

    @classmethod
    def whole(cls, ids):
        """The rows of these ids in their order, with all that belongs to them."""
        ids = list(ids)
        found = {row.id: row for row in cls.rows().where(cls.id.in_(ids))} if ids else {}
        return [found[id_] for id_ in ids if id_ in found]


class UnderTalk(Moderated):
    """What stands under a talk: who decides about the questions of that talk decides about it."""

    @classmethod
    def those_waiting(cls, user, own, *waiting):
        """Ids and times of those for which `waiting` holds and about which `user` decides (a query).

        `own`: only under the talks of `user`, also for an administrator.
        Reads no more than that, however much waits elsewhere. SQLite has no statistics, but keeps the order
        of a CROSS JOIN; and MariaDB would ask a UNION in IN (…) again for each row.
        """
        columns = cls.select(cls.id, cls.created_at)
        if user.may_administrate and not own:
            deleted = Talk.select(Talk.id).where(Talk.status == "deleted")
            return columns.where(*waiting, cls.talk.not_in(deleted))
        talks = Talk.ids_moderated_by(user).alias("talks")
        return columns.from_(Join(talks, cls, JOIN.CROSS)).where(cls.talk == talks.c.talk_id, *waiting)

    def decided_by(self, user):
        """Whether `user` decides about this."""
        if self.talk is None:
            return False
        if self.talk.speakers is None:
            Talk.attach_speakers([self.talk])
        return self.talk.moderated_by(user)


class Comment(UnderTalk, BaseModel):
    """One question or remark under a talk."""

    KIND = "comment"

    EDITABLE = timedelta(minutes=15)  # by its author

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
        if user.may_administrate:
            return cls.id.is_null(False)
        return shown | (cls.author == user) | cls.talk.in_(Talk.ids_moderated_by(user))

    @classmethod
    def for_moderation(cls, user, reported=False, own=False):
        """Ids and times of what waits for `user`: not decided yet, or `reported` since (a query)."""
        waiting = cls.status == "pending"
        if reported:  # compared, as no index of SQLite serves IS NOT NULL; and only that index may serve
            waiting = (cls.reported_at > LONG_AGO) & (fn.COALESCE(cls.status, "") == "approved")
        return cls.those_waiting(user, own, waiting).select_extend(cls.reported_at)

    @classmethod
    def is_by(cls, user):
        """The condition for what `user` wrote, also as a visitor under the address that is confirmed now."""
        own = cls.author == user
        if user.has_address:
            own |= cls.author.is_null() & (cls.author_email == user.email)
        return own

    @classmethod
    def rows(cls):
        """Comments with author, talk and parent (a query)."""
        parent = cls.alias()
        rows = cls.with_author_and_talk().switch(cls).select_extend(parent.id, parent.number)
        return rows.join_from(cls, parent, JOIN.LEFT_OUTER, on=cls.parent, attr="parent")

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
        return self.author.shown_name if self.author else self.author_name

    def changed_by(self, status):
        return {"reported_at": None} if status == "approved" else {}  # others keep it: undone, it waits again

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


class Credential(BaseModel):
    """A second factor: `kind` is totp, passkey or recovery. Nothing here leaves the site but `name`."""

    user = ForeignKeyField(User, backref="credentials", on_delete="CASCADE")
    kind = CharField(12)
    name = text(64)  # of a passkey, for its owner
    key = CharField(512, null=True, unique=True)  # a passkey's id (base64url); the digest of a recovery code
    secret = text(2000)  # of TOTP (base32); a passkey's public key (base64url)
    counter = BigIntegerField(default=0)  # TOTP: the last time step used; a passkey's signature count
    created_at = UTCDateTimeField(default=utcnow)
    confirmed_at = UTCDateTimeField(null=True)  # null: not yet shown to work
    used_at = UTCDateTimeField(null=True)

    class Meta:
        indexes = ((("user", "kind"), False),)

    @classmethod
    def confirmed(cls, user):
        """What of `user` was shown to work (a query)."""
        return cls.select().where(cls.user == user, cls.confirmed_at.is_null(False))


class Claim(BaseModel):
    """Something that somebody asks for and another decides.

    Administrators decide about profile ("this is me", about `profile`) and speaker (to be allowed to
    publish); `user` decides about co_speaker (to speak in `talk`, where `profile` stands for them until then)
    and owner (to take `talk` over); who has the mail to `email` about invitation (to make `profile` theirs).
    `status`: open, accepted, refused or withdrawn.
    """

    FOR_ADMINISTRATORS, FOR_ONESELF = ("profile", "speaker"), ("co_speaker", "owner")

    kind = CharField(12)
    user = ForeignKeyField(User, null=True, backref="claims", on_delete="CASCADE")
    profile = ForeignKeyField(User, null=True, backref="+", on_delete="CASCADE")
    talk = ForeignKeyField(Talk, null=True, backref="+", on_delete="CASCADE")
    email = LowerCharField(320, null=True)  # of an invitation
    words = text(1000)  # what was said for it
    status = CharField(12, default="open")
    created_at = UTCDateTimeField(default=utcnow)
    decided_at = UTCDateTimeField(null=True)

    class Meta:
        indexes = ((("status", "kind", "created_at"), False), (("user", "kind", "status"), False))

    @classmethod
    def asked_of(cls, user):
        """What others ask of `user`, still open (a query)."""
        return cls.select().where(cls.user == user, cls.kind.in_(cls.FOR_ONESELF), cls.status == "open")

    @classmethod
    def for_administrators(cls):
        """What waits for any of them (a query)."""
        return cls.select().where(cls.status == "open", cls.kind.in_(cls.FOR_ADMINISTRATORS))

    def is_decided_by(self, user):
        """Whether `user` decides about this one."""
        if self.kind in Claim.FOR_ONESELF:
            return user.is_active and self.user_id == user.id
        return user.may_administrate and self.kind in Claim.FOR_ADMINISTRATORS

    def settle(self, status):
        """Move it from open to `status`. False if it was settled before."""
        values = {"status": status, "decided_at": utcnow()}
        if not Claim.update(values).where(Claim.id == self.id, Claim.status == "open").execute():
            return False
        self.__data__.update(values)
        return True


class Entry(Moderated, BaseModel):
    """One entry of the journal. Whether it shows under its talk is decided apart: see talks/mentions.py."""

    KIND = "entry"

    author = ForeignKeyField(User, null=True, backref="entries", on_delete="SET NULL", index=False)
    title = CharField(255)
    title_key = CharField(255)  # see key_of: an author's are unique
    body = TextField()  # Markdown, as typed
    body_html = TextField()  # rendered and cleaned: safe to print
    created_at = UTCDateTimeField(default=utcnow)
    edited_at = UTCDateTimeField(null=True)
    status = CharField(12, default="pending")
    was = text(12)
    decided_at = UTCDateTimeField(null=True)
    talk = ForeignKeyField(Talk, null=True, backref="entries", on_delete="SET NULL", index=False)
    talk_status = text(12)  # "" without a talk; pending, approved or rejected: whether it shows there
    talk_was = text(12, constraints=given("''"))
    talk_decided_at = UTCDateTimeField(null=True)

    class Meta:
        indexes = (
            (("author", "title_key"), True),
            (("author", "status", "created_at", "id"), False),
            (("status", "created_at", "id"), False),
            (("talk", "talk_status", "created_at"), False),
            (("talk_status", "created_at", "id"), False),
        )

    @classmethod
    def key_of(cls, title):
        """The same for titles that differ only in case, accents, blanks or punctuation."""
        return (fold(title) or title.casefold())[: cls.title_key.max_length]

    @classmethod
    def rows(cls):
        """Entries with their authors and talks (a query)."""
        return with_author_and_talk(cls, cls)

    @classmethod
    def visible_to(cls, user):
        """What `user` (None: a visitor) may read, with author and talk (a query)."""
        shown = cls.status == "approved"
        if user is None:
            return cls.rows().where(shown)
        return cls.rows() if user.may_administrate else cls.rows().where(shown | (cls.author == user))

    @classmethod
    def for_moderation(cls, user, own=False):
        """Ids and times of what waits for administrators; nothing is one's `own` (a query)."""
        waiting = cls.select(cls.id, cls.created_at).where(cls.status == "pending")
        return waiting if user.may_administrate and not own else waiting.where(cls.id < 0)

    @property
    def shown_name(self):
        return self.author.shown_name if self.author else FORMER_MEMBER

    @property
    def is_editable(self):
        """Whether its author may change it: what was refused or deleted stays as it is."""
        return self.status in ("pending", "approved")

    def written_by(self, user):
        return self.author_id is not None and user is not None and self.author_id == user.id

    def decided_by(self, user):
        """Whether `user` decides about this entry."""
        return user.may_administrate


class AuditEvent(BaseModel):
    """Who did what to which object, for a year. Rows are added, never changed."""

    at = UTCDateTimeField(default=utcnow, index=True)
    actor = ForeignKeyField(User, null=True, backref="+", on_delete="SET NULL")
    actor_name = text(64)  # as it was then: the account may be gone
    action = CharField(64)  # object.verb: "comment.approve"
    object_kind = CharField(32)
    object_id = IntegerField(null=True)
    object_name = text(255)
    door = text(16)  # page, api, mail, panel, command
    network = text(64)  # keyed digest
    details = JSONTextField(default=dict)  # what changed; no secret

    class Meta:
        indexes = ((("object_kind", "object_id", "at"), False), (("actor", "at"), False))

    @classmethod
    def update(cls, *args, **kwargs):
        raise TypeError("What was done is never changed.")

    @classmethod
    def delete(cls):
        raise TypeError("What was done is forgotten by age only: see purge.")

    @classmethod
    def purge(cls, before):
        """Forget what was done before then; returns how much that was."""
        return super().delete().where(cls.at < before).execute()


TABLES = [
    User, Alias, Event, Talk, TalkSpeaker, Link, Tag, TalkTag, Session, LoginAttempt,
    Comment, MailAddress, Muted, OutboxMail, Lease, BlockedWord, Refusal, Purged,
    Credential, Claim, Entry, AuditEvent,
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


def with_author_and_talk(model, *columns):
    """Rows of the journal with what is shown of author and talk, either of which may be missing (a query)."""
    authors = User.id, User.username, User.name, User.email, User.avatar, User.is_active
    talks = Talk.id, Talk.title, Talk.language, Talk.status, Talk.owner
    rows = model.select(*columns, *authors, *talks).join(User, JOIN.LEFT_OUTER, on=model.author)
    return rows.join_from(model, Talk, JOIN.LEFT_OUTER, on=model.talk)


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
