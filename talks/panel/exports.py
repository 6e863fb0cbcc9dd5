"""Rows as a file for programs that calculate: CSV in which no cell is a formula."""

import csv
import io
import json
from datetime import datetime

from flask import Response

# With what a cell begins that such programs would calculate: also the wide forms that some turn into these.
FORMULA = tuple("=+-@\t\r\n|%＝＋－＠")


def csv_file(name, titles, rows):
    """An answer that a browser saves as `name`: a line of titles, then a line for each of `rows`.

    It begins with a byte order mark, without which some programs take UTF-8 for something else.
    """
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(defused(title) for title in titles)
    writer.writerows([defused(value) for value in row] for row in rows)
    return Response(
        text.getvalue().encode("utf-8-sig"),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def defused(value):
    """`value` as a cell: text that could be a formula gets a quote before it, and is shown as it is."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return value
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
    return f"'{text}" if text.lstrip().startswith(FORMULA) or text.startswith(FORMULA) else text
