"""Flask-Admin's forms, as the panel has them."""

from flask import request
from flask_admin.contrib.peewee.form import CustomModelConverter
from flask_admin.form import SecureForm
from flask_admin.model.fields import AjaxSelectField
from flask_wtf import FlaskForm

from talks.panel.fields import OnlyTouched


class Form(OnlyTouched, SecureForm):
    """Flask-Admin's form with the token of the site's other forms, which is asked for before any view."""

    class Meta:
        csrf_class, csrf_time_limit = FlaskForm.Meta.csrf_class, FlaskForm.Meta.csrf_time_limit

        def wrap_formdata(self, form, formdata):
            # Flask-Admin puts files among the texts; there is no field for one.
            return super().wrap_formdata(form, request.form if formdata and request.files else formdata)


class Chosen(AjaxSelectField):
    """A row chosen by type-ahead. Flask-Admin's would take one that is not there for none at all."""

    def process_formdata(self, valuelist):
        text = valuelist[0].strip() if valuelist else ""
        self.data = self.loader.get_one(text) if text else None
        if text and self.data is None:
            raise ValueError("There is no such row any more. Choose another one.")


class Converter(CustomModelConverter):
    def handle_foreign_key(self, model, field, **kwargs):
        return field.name, Chosen(self.view._form_ajax_refs[field.name], allow_blank=field.null, **kwargs)
