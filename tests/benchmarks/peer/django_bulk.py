"""django-import-export in its bulk mode, from parsed lines on: what it reads is a table in memory."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import django
from django.conf import settings
from django.db import connection, models
from import_export import instance_loaders, resources
from tablib import Dataset

from tests.benchmarks.peer.timing import LAST_VISITS, documents_in, given_task, tell

BATCH = 1000
FIELDS = ("documentid", "name", "address", "phone", "email", "active", "visits")


def main() -> None:
    task = given_task()
    url = urlsplit(task.database_url)
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.path.lstrip("/"),
        "USER": url.username,
        "HOST": parse_qs(url.query)["host"][0],
    }
    settings.configure(DATABASES={"default": database}, INSTALLED_APPS=["import_export"], USE_TZ=True)
    django.setup()
    resource, contact = _declare()
    with connection.schema_editor() as editor:
        editor.create_model(contact)

    def write(file: Path) -> None:
        for documents in documents_in(file, task.count):
            rows = [[document[field] for field in FIELDS] for document in documents]
            result = resource.import_data(Dataset(*rows, headers=FIELDS), raise_errors=True)
            assert not result.has_errors()

    tell(task, write, lambda: int(contact.objects.filter(visits=LAST_VISITS).count()))


def _declare() -> tuple[resources.ModelResource, type[models.Model]]:
    """Possible only once Django is set up."""

    class Contact(models.Model):
        documentid = models.CharField(max_length=100, primary_key=True)
        name = models.TextField()
        address = models.TextField()
        phone = models.TextField()
        email = models.TextField()
        active = models.BooleanField()
        visits = models.BigIntegerField()

        class Meta:
            app_label = "import_export"

    class ContactResource(resources.ModelResource):
        class Meta:
            model = Contact
            import_id_fields = ("documentid",)
            instance_loader_class = instance_loaders.CachedInstanceLoader
            use_bulk = True
            batch_size = BATCH
            skip_diff = True

    return ContactResource(), Contact


if __name__ == "__main__":
    main()
