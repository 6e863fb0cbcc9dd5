"""How gunicorn serves the site. Settings of ours come from the environment or `.env`, as everywhere."""

import os
import sys
from pathlib import Path

from dotenv import load_dotenv

ROOT = Path(__file__).resolve().parent
load_dotenv(ROOT / ".env")
os.environ.setdefault("TALKS_CONFIG", "production")
sys.path.insert(0, str(ROOT))

from app import app  # noqa: E402  a bad setting is said here, in one line
from models import database  # noqa: E402
from talks.mailing import background  # noqa: E402

chdir = str(ROOT)
wsgi_app = "main:application"
bind = f"127.0.0.1:{app.config['PORT']}"
workers = app.config["WEB_CONCURRENCY"]
# Threads are for the slow: who sends a request byte by byte, or has only opened a connection, holds one.
# They do not make SQLite faster; more workers do.
worker_class = "gthread"
threads = 16
# Settings are read, pages drawn and the secret made once, before the fork.
preload_app = True
# Forwarded headers are our own layer's business: TRUSTED_PROXIES says who is believed.
forwarded_allow_ips = ""
# Two sites on one machine would share its path.
control_socket_disable = True
# Its access log costs a third of the throughput; a proxy in front writes a better one.
accesslog = None
loglevel = "warning"


def when_ready(server):
    """Before the first worker is forked: tables, a greeting, and no connection left to inherit."""
    server.app.wsgi().prepare()


def post_worker_init(worker):
    """Each worker keeps its connections, and can send the mail; one at a time does."""
    database.keep_connections()
    background.start(app)


def worker_exit(server, worker):
    """Another one goes on with the mail at once. The last one to close a file of SQLite tidies it up."""
    background.stop()
    database.close_all()
