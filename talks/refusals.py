"""Why something is not done, for whoever asked for it."""


class Refused(ValueError):
    """The message is fit to be shown. `field` of the form is where it belongs; "": to the whole."""

    def __init__(self, message, field=""):
        super().__init__(message)
        self.field = field
