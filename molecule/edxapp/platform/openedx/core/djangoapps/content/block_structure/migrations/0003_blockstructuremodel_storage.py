"""The file of a stored structure."""

from django.db import migrations

from openedx.core.djangoapps.content.block_structure.models import CustomizableFileField


class Migration(migrations.Migration):
    dependencies = [("block_structure", "0002_blockstructuremodel")]

    operations = [
        migrations.AddField(
            model_name="blockstructuremodel",
            name="data",
            field=CustomizableFileField(default=""),
            preserve_default=False,
        )
    ]
