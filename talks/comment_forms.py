"""What people type under a talk."""

from wtforms import BooleanField, EmailField, HiddenField, IntegerField, StringField, TextAreaField
from wtforms.validators import Optional
from wtforms.widgets import HiddenInput

from forms import Form, email_address, line, one_line, trimmed
from models import Comment

COMMENT = 10_000  # characters


class CommentForm(Form):
    """A question or remark by somebody who is signed in. `values()` is what `comments.post` takes."""

    body = TextAreaField(
        "Your question or remark", **line(COMMENT, required="Write your question or remark.")
    )
    notify = BooleanField("Tell me by mail of further comments here")
    parent = IntegerField(widget=HiddenInput(), validators=[Optional()])  # id of the comment it answers

    def answer(self, id_):
        """Make it an answer to the comment of that id; None: to nobody."""
        self.parent.data, self.parent.raw_data = id_, None

    def values(self):
        return {
            name: self[name].data
            for name in ("body", "notify", "parent", "name", "email", "homepage")
            if name in self
        }


class VisitorCommentForm(CommentForm):
    """The same by a visitor. In the place of a token of the session it holds a stamp: see talks/stamps.py."""

    class Meta:
        csrf = False

    name = StringField(
        "Your name", **line(Comment.author_name.max_length, one_line, required="Tell people your name.")
    )
    email = EmailField(
        "Your e-mail",
        **line(Comment.author_email.max_length, email_address, required="Enter your e-mail address."),
    )
    homepage = StringField("Leave this empty", filters=[trimmed])
    stamp = HiddenField()


class BodyForm(Form):
    """The text alone: to change a comment, or to see how it will look."""

    body = TextAreaField("Your text", **line(COMMENT, required="Write your question or remark."))
