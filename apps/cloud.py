"""What the Python applications here share: the options that name a node, and the connection to it."""
import argparse
import os

import redis


def parser(text):
    """An argparse parser with --url and --secret-file."""
    made = argparse.ArgumentParser(description=text)
    made.add_argument("--url", default="redis://reader@127.0.0.1:6379", help="the node, redis://USER@HOST:PORT or rediss:// (%(default)s)")
    made.add_argument("--secret-file", metavar="FILE", help="the user's secret; also: the environment's MICROCLOUD_CLOUD_SECRET")
    return made


def connect(options):
    """A client whose answers are texts."""
    secret = os.environ.get("MICROCLOUD_CLOUD_SECRET")
    if options.secret_file:
        with open(options.secret_file, encoding="utf-8") as file:
            secret = file.readline().strip()
    return redis.Redis.from_url(options.url, password=secret, decode_responses=True)
