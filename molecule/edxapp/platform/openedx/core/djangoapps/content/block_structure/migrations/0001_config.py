"""The table of the configuration row."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

NULLABLE = {"blank": True, "null": True}


class Migration(migrations.Migration):
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name="BlockStructureConfiguration",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False, auto_created=True, verbose_name="ID")),
                ("change_date", models.DateTimeField(auto_now_add=True, verbose_name="Change date")),
                ("enabled", models.BooleanField(default=False, verbose_name="Enabled")),
                ("num_versions_to_keep", models.IntegerField(default=5, **NULLABLE)),
                ("cache_timeout_in_seconds", models.IntegerField(default=86400, **NULLABLE)),
                (
                    "changed_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="Changed by",
                    ),
                ),
            ],
            options={"db_table": "block_structure_config"},
        )
    ]
