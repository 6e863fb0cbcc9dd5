"""The panel: Flask-Admin over the tables, at /admin/, for administrators.

Flask-Admin draws lists and forms. What it would do to rows by itself is replaced: each change goes through
the verbs of its feature, which know the rules, keep what follows from a change and note who made it; and all
of one change is one transaction. A field that nobody touched is neither judged nor written.
"""

from flask import abort, current_app, flash, request, url_for
from flask_admin import Admin, AdminIndexView, expose
from flask_admin.actions import action
from flask_admin.contrib.peewee import ModelView
from flask_admin.contrib.peewee.form import get_form
from flask_admin.theme import Bootstrap4Theme
from flask_login import current_user
from markupsafe import Markup
from peewee import IntegrityError
from wtforms import SelectField

from models import AuditEvent, Comment, Entry, Event, OutboxMail, Tag, Talk, User, database
from talks import accounts, catalogue, moderation, publishing
from talks.panel import changes, fields, overview, tables, words
from talks.panel.exports import csv_file
from talks.panel.forms import Converter, Form
from talks.panel.lists import DEEPEST, Filter, Lookup, by_id, matching, numbers
from talks.panel.policy import dress, nonce

MOST_AT_ONCE = 200  # rows that one act changes
MOST_EXPORTED = 10_000  # rows
MOST_FILTERS = 10
ACTS = ("approve", "keep", "publish", "restore", "undo", "unpublish", "spam", "delete")  # the safe ones first


def asking():
    return current_user._get_current_object()


# Who comes in, and what a page may do


def may_enter():
    """The one rule about who uses the panel, its files and its lookups."""
    return current_user.is_authenticated and current_user.may_administrate


def guard():
    """Before anything of the panel: visitors sign in and come back, others are refused."""
    if not may_enter():
        return turn_away()
    target = request.values.get("url", "/")  # where a form goes back to
    if target and accounts.safe_next(target) != target:
        abort(400, "That address leads away from this site.")
    return None


def turn_away():
    if not current_user.is_authenticated:
        return current_app.login_manager.unauthorized()
    abort(403, "Only administrators use the panel.")


class Guarded:
    """What all views have: the guard, the policy, the words, and no address that is not used."""

    thing = "row"  # what a row is called in a sentence

    def is_accessible(self):
        return may_enter()

    def inaccessible_callback(self, name, **kwargs):
        return turn_away()

    def is_used(self, name):
        """Whether the view of that name gets an address."""
        return True

    def create_blueprint(self, admin):
        self._urls = [rule for rule in self._urls if self.is_used(rule[1])]
        blueprint = super().create_blueprint(admin)
        blueprint.before_request(guard)
        blueprint.after_request(dress)
        return blueprint

    def _run_view(self, view, *args, **kwargs):
        return view(self, *args, **kwargs)  # Flask-Admin would hide a TypeError behind another one

    def in_our_words(self, text, **values):
        return words.said(self.thing, text, **values)

    def render(self, template, **kwargs):
        self._template_args["_gettext"] = self.in_our_words
        page = super().render(template, **kwargs)
        return (page, 422) if getattr(kwargs.get("form"), "errors", None) else page


def link(view, context, row, name):
    """What a column says, as a link to the row's page on the site."""
    _, endpoint, argument, attribute = view.leads_to
    address = url_for(endpoint, **{argument: getattr(row, attribute)})
    return Markup('<a href="{}" dir="auto">{}</a>').format(address, getattr(row, name) or "…")


class Panel(Guarded, ModelView):
    """A table. A view says what is shown and asked for, and which verbs do it.

    `add(values)`, `change(row, values)` and `remove(row)` are called in a transaction, and may raise one of
    `changes.REFUSALS`. What `remove` and the verbs of actions return says whether they changed anything.
    """

    form_base_class, model_form_converter = Form, Converter
    can_view_details = can_export = True
    simple_list_pager = column_display_pk = True
    export_max_rows = MOST_EXPORTED
    page_size = 50
    list_template, details_template = "panel/list.html", "panel/details.html"
    create_template, edit_template = "panel/create.html", "panel/edit.html"
    column_type_formatters = column_type_formatters_detail = tables.SAID
    column_formatters_export = column_type_formatters_export = {}
    column_sortable_list = ("id",)
    column_labels = tables.LABELS
    called = staticmethod(tables.called)
    intro = ""  # a sentence about the table
    elsewhere = ()  # (endpoint, words): a page of the site about the same, which ends the sentence
    question = "Delete it?"  # before a row is deleted
    leads_to = None  # a column, and the page of the site that it leads to: endpoint, argument, attribute
    created = ()  # what a new row is asked for, where that is not form_columns

    def __init__(self, model, name, address):
        self.column_list, self.column_details_list = tables.shown(model)
        self.column_choices = tables.CHOICES.get(model)
        self.column_filters = tables.FILTERS[model]
        self.searched, self.looked_for = tables.SEARCHED[model]
        self.column_formatters = {self.leads_to[0]: link} if self.leads_to else {}
        super().__init__(model, name, endpoint=f"panel_{address}", url=address)

    def is_used(self, name):
        return {
            "create_view": self.can_create, "edit_view": self.can_edit, "delete_view": self.can_delete,
            "action_view": bool(self.get_actions_list()[0]), "ajax_lookup": bool(self.form_ajax_refs),
            "ajax_update": False,
        }.get(name, True)  # fmt: skip

    # Finding

    def is_valid_filter(self, filter):
        return isinstance(filter, Filter)

    def get_invalid_value_msg(self, value, filter):
        return self.in_our_words("Invalid Filter Value: %(value)s", value=value)

    def _create_ajax_loader(self, name, options):
        return Lookup(name, **options)

    def init_search(self):
        return True

    def search_placeholder(self):
        return self.looked_for

    def get_list(self, page, sort_column, sort_desc, search, filters, execute=True, page_size=None):
        query = self.get_query()
        condition = matching(search or "", self.searched)
        if condition is not None:
            query = query.where(condition)
        for index, _, value in (filters or ())[:MOST_FILTERS]:
            chosen = self._filters[index]
            query = chosen.apply(query, chosen.clean(value))
        field = getattr(self.model, sort_column if sort_column in self._sortable_columns else "id")
        down = sort_desc if sort_column in self._sortable_columns else True
        order = [field.desc(), self.model.id.desc()] if down else [field, self.model.id]
        size = page_size or self.page_size
        return None, list(query.order_by(*order).limit(size).offset((page or 0) * size))

    def get_query(self):
        return tables.rows(self.model)

    def get_one(self, id):
        return by_id(self.get_whole(), self.model, id)

    def get_whole(self):
        """Like `get_query`, with the long columns that lists leave out."""
        return self.get_query()

    def rows(self, ids):
        """What an act on ticked rows is about."""
        return list(self.get_whole().where(self.model.id.in_(ids)).order_by(self.model.id))

    def _get_list_extra_args(self):
        args = super()._get_list_extra_args()
        args.page = min(max(args.page, 0), DEEPEST)
        args.extra_args = {}  # Flask-Admin would hand them to url_for, as its own arguments
        return args

    def _export_csv(self, return_url):
        names = [name for name, _ in self._export_columns]
        rows = ([self.get_export_value(row, name) for name in names] for row in self._export_data()[1])
        titles = [title for _, title in self._export_columns]
        return csv_file(f"{self.url.rpartition('/')[2]}.csv", titles, rows)

    # Changing

    def form_of(self, columns):
        converter = self.model_form_converter(self)
        form = get_form(self.model, converter, self.form_base_class, columns, field_args=self.form_args)
        for place, name in enumerate(columns):
            getattr(form, name).creation_counter = place  # WTForms' order, which would be the model's
        return form

    def get_create_form(self):
        return self.form_of(self.created or self.form_columns) if self.can_create else Form

    def get_edit_form(self):
        return self.form_of(self.form_columns) if self.can_edit else Form

    def edit_form(self, obj=None):
        """The form of a row offers also what stands in the row, when it is none of the usual choices."""
        form = super().edit_form(obj)
        for field in form:
            if isinstance(field, SelectField) and field.object_data not in dict(field.choices):
                field.choices = {field.object_data: field.object_data} | dict(field.choices)
        return form

    def create_model(self, form):
        return self.attempt(form, self.add, form.values())

    def update_model(self, form, model):
        values = form.values()
        return not values or self.attempt(form, self.change, model, values)

    def attempt(self, form, verb, *args):
        """Do it in one transaction. False, with nothing done, when it is refused: the form then says why."""
        try:
            with database.atomic():
                return verb(*args) or True
        except changes.REFUSALS as refusal:
            place = getattr(refusal, "field", "")
            if place in form:
                form[place].errors = [*form[place].errors, str(refusal)]
            else:
                form.form_errors.append(str(refusal))
        except IntegrityError:
            form.form_errors.append(
                "Somebody saved something alike just now. Look at the list, then try again."
            )
        return False

    def delete_model(self, model):
        self.each([model], self.remove, "Deleted")  # and None: what happened is said

    def each(self, rows, verb, said):
        """Do it to all of them or, when one is refused, to none; and say so."""
        try:
            with database.atomic():
                done = sum(bool(verb(row)) for row in rows)
        except changes.REFUSALS as refusal:
            flash(f"Nothing changed. {refusal}", "error")
            return
        left = len(rows) - done
        flash(
            f"{said}: {done}.{f' Left as they were: {left}.' if left else ''}", "success" if done else "info"
        )

    def get_actions_list(self):
        acts, questions = super().get_actions_list()
        return sorted(acts, key=lambda act: ACTS.index(act[0])), questions

    def act(self, ids, verb, said):
        self.each(self.rows(numbers(ids, MOST_AT_ONCE)), verb, said)

    @action("delete", "Delete", "Delete what is ticked?")
    def action_delete(self, ids):
        self.act(ids, self.remove, "Deleted")


class People(Panel):
    """Accounts, and profiles without one. Addresses, passwords and sessions are their owners' business."""

    thing = "profile"
    intro = (
        "Accounts, and speakers without one. Who is not let in cannot sign in, and nobody sees their page."
    )
    question = "Delete this account for good? Its owner is told by mail, and the talks it owns become drafts."
    action_disallowed_list = ("delete",)  # each by itself, as it is for good
    column_sortable_list = ("id", "username")
    leads_to = "username", "speakers.speaker", "username", "username"
    created = ("username", "email", "name", "is_admin", "is_speaker")
    form_columns = ("name", "location", "website", "bio", "is_admin", "is_speaker", "is_trusted", "is_active")
    form_args, form_overrides = fields.PERSON, fields.PERSON_FIELDS

    def add(self, values):
        user = changes.add_person(values, asking())
        flash("They choose a password by “Forgot your password?” on the sign-in page.", "info")
        return user

    def change(self, user, values):
        changes.change_person(user, values, asking())

    def remove(self, user):
        return changes.remove_person(user, asking())


class AllTalks(Panel):
    thing = "talk"
    intro = "In any status. Speakers, tags and links of a talk are changed on its own page."
    leads_to = "title", "timeline.talk", "talk_id", "id"
    form_columns = (
        "title", "description", "status", "event", "owner", "date", "time_zone", "duration_s", "language",
        "venue", "venue_url", "license", "video_url", "slides_url", "discussion", "discussion_days",
    )  # fmt: skip
    form_args, form_overrides = fields.TALK, fields.TALK_FIELDS
    form_ajax_refs = {
        "event": {"model": Event, "columns": [Event.title], "label": lambda event: event.title},
        "owner": {"model": User, "columns": [User.username, User.name],
                  "label": lambda user: f"{user.name} ({user.username})"},
    }  # fmt: skip

    def get_whole(self):
        return self.get_query().select_extend(Talk.description, Talk.imported_digests)

    def add(self, values):
        return changes.add_talk(values, asking())

    def change(self, talk, values):
        changes.change_talk(talk, values, asking())

    def remove(self, talk):
        return publishing.change_status(talk, Talk.delete_softly, asking())

    @action("publish", "Publish", "Publish what is ticked?")
    def publish(self, ids):
        self.act(ids, lambda talk: publishing.change_status(talk, Talk.publish, asking()), "Published")

    @action("unpublish", "Unpublish", "Make drafts of what is ticked?")
    def unpublish(self, ids):
        self.act(ids, lambda talk: publishing.change_status(talk, Talk.unpublish, asking()), "Unpublished")

    @action("restore", "Bring back")
    def restore(self, ids):
        self.act(ids, lambda talk: publishing.change_status(talk, Talk.restore, asking()), "Brought back")


class Events(Panel):
    thing = "event"
    intro = "An event lasts from the first to the last day of its talks. One that has talks is not deleted."
    leads_to = "title", "timeline.event", "slug", "slug"
    form_columns = ("title", "series", "venue", "url", "description")
    form_args, form_overrides = fields.EVENT, fields.EVENT_FIELDS

    def add(self, values):
        return catalogue.save_event(None, values, asking())

    def change(self, event, values):
        catalogue.save_event(event, values, asking())

    def remove(self, event):
        catalogue.delete_event(event, asking())
        return True


class Tags(Panel):
    thing = "tag"
    intro = "A tag that is deleted leaves its talks."
    question = "Delete this tag? Its talks lose it for good."
    leads_to = "name", "timeline.tag", "slug", "slug"
    form_columns = ("name",)
    form_args = fields.TAG

    def add(self, values):
        return catalogue.save_tag(None, values, asking())

    def change(self, tag, values):
        catalogue.save_tag(tag, values, asking())

    def remove(self, tag):
        catalogue.delete_tag(tag, asking())
        return True


class Decided(Panel):
    """What somebody decides about. Its words are its author's; here it gets another status."""

    can_create = False
    form_overrides = {"status": SelectField}

    def get_one(self, id):
        return next(iter(self.rows(numbers([id], 1))), None)

    def rows(self, ids):
        return self.model.whole(ids)

    def edit_form(self, obj=None):
        form = super().edit_form(obj)
        form.status.choices = {status: tables.STATUS[status] for status in changes.possible(obj)}
        return form

    def remove(self, thing):
        return moderation.reject(thing, asking())

    @action("approve", "Approve")
    def approve(self, ids):
        self.act(ids, lambda thing: moderation.approve(thing, asking()), "Approved")

    @action("spam", "Spam", "Take what is ticked away as spam?")
    def spam(self, ids):
        self.act(ids, lambda thing: moderation.spam(thing, asking()), "Marked as spam")

    @action("undo", "Undo the last decision")
    def undo(self, ids):
        self.act(ids, lambda thing: moderation.undo(thing, asking()), "Undone")


class Comments(Decided):
    thing = "comment"
    intro = "Under all talks. What is deleted can be undone. What waits stands also in"
    elsewhere = (("moderation.everything", "All that waits"),)
    leads_to = "excerpt", "comments.show", "comment_id", "id"
    form_columns, form_args = ("status",), fields.COMMENT

    def change(self, comment, values):
        changes.decide(comment, values["status"], asking())

    @action("keep", "Keep, though reported")
    def keep(self, ids):
        self.act(ids, lambda comment: moderation.keep(comment, asking()), "Kept")


class Entries(Decided):
    thing = "entry"
    intro = "Of the journal. What is deleted can be undone. What waits stands also in"
    elsewhere = (("moderation.everything", "All that waits"),)
    leads_to = "title", "journal.entry", "entry_id", "id"
    form_columns, form_args = ("title", "body", "talk", "status"), fields.ENTRY
    form_ajax_refs = {"talk": {"model": Talk, "columns": [Talk.title], "label": lambda talk: talk.title}}

    def change(self, entry, values):
        changes.change_entry(entry, values, asking())


class ReadOnly(Panel):
    can_create = can_edit = can_delete = False


class Mail(ReadOnly):
    thing = "mail"
    intro = "What waits, and what became of it, for 30 days. What was given up can be tried again on"
    elsewhere = (("mailing.mailbox", "its own page"),)


class Trail(ReadOnly):
    intro = "Who did what to which object, for a year. Rows are added, never changed."


class Overview(Guarded, AdminIndexView):
    @expose("/")
    def index(self):
        """What there is, what waits, and what was done last."""
        return self.render("panel/index.html", **overview.of_the_site())


VIEWS = (
    (People, User, "People", "users"), (AllTalks, Talk, "Talks", "talks"),
    (Events, Event, "Events", "events"), (Tags, Tag, "Tags", "tags"),
    (Comments, Comment, "Comments", "comments"),
    (Entries, Entry, "Entries", "entries"), (Mail, OutboxMail, "Mail", "outbox"),
    (Trail, AuditEvent, "Audit trail", "audit"),
)  # fmt: skip


def set_up(app):
    """Give `app` the panel. Once: the addresses of its views are its own."""
    panel = Admin(
        app, name="Administration", index_view=Overview(name="Overview"), csp_nonce_generator=nonce,
        theme=Bootstrap4Theme(base_template="panel/base.html"),
    )  # fmt: skip
    for view, model, name, address in VIEWS:
        panel.add_view(view(model, name, address))
