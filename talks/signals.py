"""What other code may listen to; sent after the commit, for what may be lost."""

from blinker import Namespace

_signals = Namespace()

talk_published = _signals.signal("talk-published")
comment_posted = _signals.signal("comment-posted")
comment_approved = _signals.signal("comment-approved")
entry_published = _signals.signal("entry-published")
user_registered = _signals.signal("user-registered")  # with confirm_token
