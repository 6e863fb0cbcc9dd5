"""What the panel says: after a change, and where Flask-Admin would speak of records."""

# What Flask-Admin says, and what is said here instead. `{thing}` is what a table has rows of.
INSTEAD = {
    "Record was successfully created.": "The new {thing} is saved.",
    "Record was successfully saved.": "The {thing} is saved.",
    "Failed to create record.": "Nothing is saved yet. What to change is said below.",
    "Failed to save record.": "Nothing is saved yet. What to change is said below.",
    "Record does not exist.": "That {thing} is not there any more.",
    "Permission denied.": "Lists are saved as CSV only.",
    "Invalid Filter Value: %(value)s": "The filter does not take “%(value)s”, and is left out.",
    "Select all records": "Tick all",
    "Select record": "Tick this {thing}",
    "Please select at least one record.": "Tick what it is about first.",
}


def said(thing, text, **values):
    """`text` of Flask-Admin as this site says it, with `values` put in; of others as it is."""
    text = INSTEAD.get(text, text).replace("{thing}", thing)
    return text % values if values else text
