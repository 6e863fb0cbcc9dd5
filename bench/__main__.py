"""`python -m bench`, away from the operator's own site."""

import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))  # the servers of the tests
# Before anything of ours is imported, as app.py reads its settings then.
os.environ["TALKS_CONFIG"] = "testing"
os.environ["SECRET_KEY"] = "nothing is signed here"
os.environ["DATABASE_URL"] = "sqlite:///:memory:"
for name in ("SITE_URL", "TRUSTED_PROXIES", "TALKS_PER_PAGE", "MAIL_ERROR_RECIPIENT", "SYSLOG"):
    os.environ.pop(name, None)

from bench.run import main  # noqa: E402

sys.exit(main())
