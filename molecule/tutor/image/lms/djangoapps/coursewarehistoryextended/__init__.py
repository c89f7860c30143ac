"""An app of edx-platform: the settings of newer Tutors take it out, those of older ones leave it in."""
