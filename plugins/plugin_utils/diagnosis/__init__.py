"""What is wrong with a site: one file per subject, each from the facts of a look to findings. Pure; no host is asked here.

`catalogue` names every finding that can come up, `cost` weighs them, `cure` turns them into variables. verdict.site() runs all.
"""
