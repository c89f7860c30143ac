"""The table of stored structures, still without its file."""

import django.utils.timezone
from django.db import migrations, models
from model_utils.fields import AutoCreatedField, AutoLastModifiedField

from openedx.core.djangoapps.xmodule_django.models import UsageKeyWithRunField

MOMENT = {"default": django.utils.timezone.now, "editable": False}
NULLABLE = {"blank": True, "null": True}


class Migration(migrations.Migration):
    dependencies = [("block_structure", "0001_config")]

    operations = [
        migrations.CreateModel(
            name="BlockStructureModel",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False, auto_created=True, verbose_name="ID")),
                ("created", AutoCreatedField(verbose_name="created", **MOMENT)),
                ("modified", AutoLastModifiedField(verbose_name="modified", **MOMENT)),
                ("data_usage_key", UsageKeyWithRunField(max_length=255, unique=True)),
                ("data_version", models.CharField(max_length=255, **NULLABLE)),
                ("data_edit_timestamp", models.DateTimeField(**NULLABLE)),
                ("transformers_schema_version", models.CharField(max_length=255)),
                ("block_structure_schema_version", models.CharField(max_length=255)),
            ],
            options={"db_table": "block_structure"},
        )
    ]
