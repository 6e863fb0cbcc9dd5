"""What each kind of mail is called on the pages about mail. A kind is the folder of its templates."""

KINDS = {
    "comment_waits": "Questions that wait",
    "comment_shown": "New comments",
    "confirm_address": "Asks whether mail is wanted",
    "confirm_account": "Confirm your address",
    "reset_password": "A new password",
    "password_changed": "Your password was changed",
    "email_changed": "Your account has another address",
    "account_deleted": "Your account is deleted",
    "second_factor": "Two-step sign-in",
    "claim": "Who speaks, and who may publish",
    "invitation": "Is this you?",
}
