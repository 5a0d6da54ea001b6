"""What the Python applications here share: the options that name a node or a cluster, the connection to it, and the end."""
import argparse
import logging
import os
import sys

import redis
from redis.cluster import RedisCluster

NAME = os.path.basename(sys.argv[0])
logging.getLogger("redis").addHandler(logging.NullHandler())  # what it raises is told here


def parser(text, user="reader"):
    """An argparse parser with --url, --secret-file and --realm, which gives `prefix`, what names begin with."""
    made = argparse.ArgumentParser(description=text)
    made.add_argument("--url", default=f"redis://{user}@127.0.0.1:6379",
                      help="the node, or one of a cluster's, redis://USER@HOST:PORT or rediss:// (%(default)s)")
    made.add_argument("--secret-file", metavar="FILE", help="the user's secret; also: the environment's MICROCLOUD_CLOUD_SECRET")
    made.add_argument("--realm", dest="prefix", metavar="NAME", type=lambda name: name and name + "/", default="", help="what probes with this --realm tell")
    return made


def connect(options):
    """A client whose answers are texts; of a whole cluster, where the server is one of it."""
    secret = os.environ.get("MICROCLOUD_CLOUD_SECRET")
    if options.secret_file:
        with open(options.secret_file, encoding="utf-8") as file:
            secret = file.readline().strip()
    try:
        node = redis.Redis.from_url(options.url, password=secret, decode_responses=True)
    except ValueError as error:
        print(f"{NAME}: --url {options.url}: {error}; it is redis://USER@HOST:PORT", file=sys.stderr)
        sys.exit(2)
    if not node.info("cluster").get("cluster_enabled"):
        return node
    return RedisCluster.from_url(options.url, password=secret, decode_responses=True)


def run(main):
    """Until it ends, is interrupted or nobody reads; what fails is told in one line."""
    try:
        main()
    except (KeyboardInterrupt, BrokenPipeError):
        os._exit(0)  # with nothing more to write
    except (OSError, ValueError, redis.RedisError, redis.exceptions.RedisClusterException) as error:
        sys.exit(f"{NAME}: " + " ".join(str(error).split()))
