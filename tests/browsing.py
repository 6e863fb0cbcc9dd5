"""What a browser does with a page: forms are filled in and sent."""

from html.parser import HTMLParser


class Form(HTMLParser):
    """The form of a class as a browser would send it back: `fields`."""

    def __init__(self, page, kind="form"):
        super().__init__(convert_charrefs=True)
        self.kind = kind
        self.fields, self.area, self.select, self.inside = {}, None, None, False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "form":
            self.inside = self.kind in (given.get("class") or "").split()
        if not self.inside:
            return
        if tag == "input" and given.get("type") not in ("submit", "checkbox"):
            self.fields[given["name"]] = given.get("value") or ""
        elif tag == "textarea":
            self.area = given["name"]
            self.fields[self.area] = ""
        elif tag == "select":
            self.select = given["name"]
        elif tag == "option" and self.select and "selected" in given:
            self.fields[self.select] = given.get("value") or ""

    def handle_endtag(self, tag):
        if tag == "textarea" and self.area:
            text = self.fields[self.area]
            text = text.removeprefix("\r\n") if text.startswith("\r\n") else text.removeprefix("\n")
            self.fields[self.area] = text.replace("\r\n", "\n").replace("\n", "\r\n")
            self.area = None
        elif tag == "select":
            self.select = None
        elif tag == "form":
            self.inside = False

    def handle_data(self, data):
        if self.area:
            self.fields[self.area] += data


def form_of(browser, address):
    answer = browser.get(address)
    assert answer.status_code == 200, answer.status
    return Form(answer.text).fields


def write(browser, address="/new", **changes):
    """Fill in the form at `address` and send it."""
    return browser.post(address, data=form_of(browser, address) | changes)
