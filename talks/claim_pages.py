"""The pages of claims: asking, what waits for oneself, what waits for administrators, and invitations."""

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask_login import current_user, login_required
from wtforms import EmailField, TextAreaField

from forms import Form, email_address, line
from models import Claim, Talk, User
from talks import accounts, claims, invitations, tokens
from talks.account_forms import NewPasswordForm
from talks.accounts import administrators_only, asking
from talks.paging import Order, paginate

OLDEST_FIRST = Order(Claim.created_at, Claim.id)
PER_PAGE, MOST_OWN = 50, 50

bp = Blueprint("claims", __name__)
administrators = administrators_only("Only administrators decide about this.")


class WordsForm(Form):
    """What is said for a claim."""

    words = TextAreaField("A few words", **line(Claim.words.max_length))


class InvitationForm(Form):
    email = EmailField("Their e-mail", **line(320, email_address, required="Enter the address to invite."))


def unclaimed_profile(username):
    """The profile of that username: 404 when there is none, or somebody has it."""
    found = User.get_or_none(User.username == username) or abort(404)
    if not found.is_unclaimed:
        abort(404, "Somebody has this profile.")
    return found


@bp.route("/user/<username>/claim", methods=["GET", "POST"])
@login_required
def ask_for_profile(username):
    """Say: this is me."""
    profile = unclaimed_profile(username)
    form = WordsForm()
    if form.validate_on_submit():
        try:
            claims.ask_for_profile(asking(), profile, form.words.data or "")
        except claims.Refused as refusal:
            form.form_errors.append(str(refusal))
        else:
            flash("An administrator looks at it, and you are told by mail.", "success")
            return redirect(url_for(".mine"), 303)
    page = render_template("claims/this_is_me.html", form=form, profile=profile)
    return page, 422 if form.errors else 200


@bp.route("/profile/publish", methods=["GET", "POST"])
@login_required
def ask_to_publish():
    """Ask to be a speaker."""
    form = WordsForm()
    if form.validate_on_submit():
        try:
            claims.ask_to_publish(asking(), form.words.data or "")
        except claims.Refused as refusal:
            form.form_errors.append(str(refusal))
        else:
            flash("An administrator looks at it, and you are told by mail.", "success")
            return redirect(url_for(".mine"), 303)
    return render_template("claims/publish.html", form=form), 422 if form.errors else 200


@bp.get("/claims")
@login_required
def mine():
    """What one is asked, and what one has asked."""
    waiting = Claim.asked_of(asking()).order_by(Claim.id).limit(MOST_OWN)
    own = Claim.select().where(Claim.user == asking(), Claim.kind.in_(Claim.FOR_ADMINISTRATORS))
    own = own.order_by(Claim.id.desc()).limit(MOST_OWN)
    return render_template("claims/mine.html", asked=whole(waiting), own=whole(own))


@bp.get("/moderate-admin/claims")
@administrators
def queue():
    """What waits for administrators, oldest first."""
    invited = invitations.waiting().order_by(Claim.id.desc())
    page = paginate(Claim.for_administrators(), OLDEST_FIRST, request.args, PER_PAGE)
    return render_template(
        "claims/queue.html", page=page, asked=whole(page.items), invited=whole(invited.limit(MOST_OWN))
    )


def whole(rows):
    """Claims with the people and talks they are about, and the talks with their owners; in few statements."""
    rows = list(rows)
    people = {id_ for row in rows for id_ in (row.user_id, row.profile_id)} - {None}
    talks = {talk.id: talk for talk in Talk.select().where(Talk.id.in_([row.talk_id for row in rows]))}
    people |= {talk.owner_id for talk in talks.values()} - {None}
    people = {user.id: user for user in User.select().where(User.id.in_(list(people)))}
    for talk in talks.values():
        talk.owner = people.get(talk.owner_id)
    for row in rows:
        row.user, row.profile = people.get(row.user_id), people.get(row.profile_id)
        row.talk = talks.get(row.talk_id)
    return rows


@bp.post("/claims/<id:claim_id>/<any(accept,refuse,withdraw):act>")
@login_required
def decide(claim_id, act):
    """Accept or refuse what one decides about, or take back what one has asked."""
    claim, me = Claim.get_or_none(Claim.id == claim_id), asking()
    if claim is None or not (claim.is_decided_by(me) or claim.user_id == me.id):
        abort(404)
    try:
        {"accept": claims.accept, "refuse": claims.refuse, "withdraw": claims.withdraw}[act](claim, me)
    except claims.NotAllowed as refusal:
        abort(403, str(refusal))
    except claims.Refused as refusal:
        flash(str(refusal), "info")
    else:
        flash(SAID[act, claim.kind in Claim.FOR_ONESELF], "success")
    own = act == "withdraw" or claim.kind in Claim.FOR_ONESELF
    return redirect(url_for(".mine" if own else ".queue"), 303)


SAID = {
    ("accept", True): "Accepted. The talk stands on your page.",
    ("refuse", True): "Refused. Your account has nothing to do with that talk.",
    ("accept", False): "Accepted. Who asked is told by mail.",
    ("refuse", False): "Refused. Who asked is told by mail.",
    ("withdraw", False): "Taken back.",
}


@bp.route("/user/<username>/invite", methods=["GET", "POST"])
@administrators
def invite(username):
    """Invite by mail whom a profile tells of."""
    profile = unclaimed_profile(username)
    form = InvitationForm()
    if form.validate_on_submit():
        try:
            invitations.invite(profile, form.email.data, asking())
        except claims.Refused as refusal:
            form.form_errors.append(str(refusal))
        else:
            flash(f"{form.email.data} is invited, for a week.", "success")
            return redirect(url_for("speakers.speaker", username=username), 303)
    return render_template("claims/invite.html", form=form, profile=profile), 422 if form.errors else 200


@bp.route("/invitation/<token>", methods=["GET", "POST"])
def invitation(token):
    """Take an invited profile over, or make it an account: GET shows which, POST does it."""
    try:
        claim = invitations.read(current_app.secret_key, token)
    except tokens.TokenError as error:
        abort(error.status, str(error))
    about = [claim.profile.username, claim.profile.name, claim.email]
    form = Form() if current_user.is_authenticated else NewPasswordForm(about=about)
    knows = not current_user.is_authenticated and invitations.has_account(claim.email)
    if form.validate_on_submit() and not knows:
        try:
            return accept_invitation(claim, form)
        except claims.Refused as refusal:
            form.form_errors.append(str(refusal))
    page = render_template("claims/invitation.html", form=form, claim=claim, knows=knows, token=token)
    return page, 422 if form.errors else 200


def accept_invitation(claim, form):
    """An answer. Raises claims.Refused."""
    if current_user.is_authenticated:
        invitations.accept_as(claim, asking())
        flash("The profile is yours. Its talks stand on your page.", "success")
        return redirect(url_for("speakers.speaker", username=current_user.username), 303)
    made = invitations.accept_anew(claim, form.password.data)
    flash("The profile is your account now.", "success")
    return accounts.enter(made, False, url_for("speakers.profile"))
