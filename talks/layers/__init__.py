"""Raw WSGI layers, one class and one concern a module."""
