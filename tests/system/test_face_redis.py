"""The probe's Redis face beside a redis-server that holds the same: each command, in RESP2 and RESP3, gets a reply of the same type and words."""
import resource
import socket
import subprocess
import unittest

from harness import ProbeTest
from redis_node import Node
from test_face import Feed, traffic

HASH, SET, TEXT, NONE = "ip.10.0.0.1", "ip.10.0.0.1.peers", "meta.schema", "nothing"
KEYS = (HASH, SET, TEXT, NONE)

# The reply must be the same, to the last byte.
EQUAL = [
    ["PING"], ["PING", "a"], ["PING", "a", "b"], ["ping"], ["ECHO", "a"], ["ECHO"], ["ECHO", "a", "b"], ["ECHO", ""],
    ["SELECT", "0"], ["SELECT", "16"], ["SELECT", "x"], ["SELECT", "-1"], ["SELECT"], ["SELECT", "0", "0"],
    ["HELLO", "4"], ["HELLO", "x"], ["HELLO", "2", "NONSENSE"], ["HELLO", "2", "SETNAME"], ["HELLO", "2", "AUTH", "a"],
    ["AUTH"], ["AUTH", "x"], ["AUTH", "a", "b", "c"], ["AUTH", "a", "b"], ["AUTH", "default", "x"], ["AUTH", "default", ""], ["AUTH", "Default", "x"], ["AUTH", "", ""],
    ["HELLO", "3", "AUTH", "a", "b"], ["HELLO", "2", "AUTH", "", ""], ["HELLO", "3", "SETNAME", "me", "AUTH", "a", "b"], ["HELLO", "3", "SETNAME", "a b"],
    ["HELLO", "3", "AUTH", "default", "x", "SETNAME", "a b"], ["HELLO", "3", "AUTH", "default"], ["CLIENT", "GETNAME"],
    ["CLIENT", "HELP", "x"], ["CLIENT", "INFO", "x"], ["MEMORY", "HELP", "x"], ["COMMAND", "HELP", "x"],
    ["CLIENT"], ["CLIENT", "GETNAME"], ["CLIENT", "SETNAME", "a b"], ["CLIENT", "SETNAME", "me"], ["CLIENT", "GETNAME"], ["CLIENT", "SETNAME", ""],
    ["CLIENT", "GETNAME"], ["CLIENT", "NONSENSE"], ["CLIENT", "ID", "x"], ["CLIENT", "GETNAME", "x"], ["CLIENT", "SETNAME"],
    ["COMMAND", "NONSENSE"], ["COMMAND", "INFO", "nonsense"], ["COMMAND", "COUNT", "x"], ["INFO", "nonsense"],
    ["DBSIZE"], ["DBSIZE", "x"],
    ["EXISTS"], ["EXISTS", HASH, SET, TEXT, NONE, HASH], ["TYPE"], ["TYPE", HASH, SET], ["TTL"], ["PTTL"], ["GET"], ["GET", TEXT, TEXT], ["STRLEN"], ["STRLEN", TEXT, TEXT],
    ["KEYS"], ["KEYS", "a", "b"], ["KEYS", "nothing.*"], ["KEYS", "meta.schem[a]"], ["KEYS", "meta.schem?"], ["KEYS", ""], ["KEYS", "\\meta.schema"],
    ["SCAN"], ["SCAN", "x"], ["SCAN", "0", "MATCH"], ["SCAN", "0", "COUNT", "0"], ["SCAN", "0", "COUNT", "-1"], ["SCAN", "0", "COUNT", "x"], ["SCAN", "0", "NO", "x"],
    ["SCAN", "0", "MATCH", "nothing.*", "COUNT", "1000"], ["SCAN", "0", "TYPE", "stream", "COUNT", "1000"], ["SCAN", "0", "TYPE", "string", "COUNT", "1000"],
    ["scan", "0", "type", "STRING", "count", "1000", "match", "*"], ["SCAN", "-1x"], ["SCAN", " 1"],
    ["HGET"], ["HGET", HASH], ["HGET", HASH, "bytesSent", "x"], ["HMGET", HASH], ["HGETALL"], ["HGETALL", HASH, "x"], ["HKEYS"], ["HLEN"], ["HEXISTS", HASH],
    ["HSCAN"], ["HSCAN", HASH], ["HSCAN", NONE, "0", "COUNT", "x"],
    ["ZRANGE", SET, "0"], ["ZREVRANGE", SET], ["ZSCORE", SET], ["ZCARD"], ["SMEMBERS"], ["SMEMBERS", NONE, "x"],
    ["MEMORY"], ["MEMORY", "USAGE"], ["MEMORY", "USAGE", NONE], ["MEMORY", "NONSENSE"], ["MEMORY", "USAGE", NONE, "SAMPLES"], ["MEMORY", "USAGE", NONE, "SAMPLES", "0"],
    ["MEMORY", "USAGE", HASH, "SAMPLES", "x"], ["MEMORY", "USAGE", HASH, "SAMPLES", "-1"], ["MEMORY", "USAGE", HASH, "NONSENSE", "1"],
    ["SUBSCRIBE"], ["PSUBSCRIBE"],
    ["NONSENSE"], ["NONSENSE", "a", "b c"], ["nonsense" * 30, "x" * 200, "y"], ["NON\r\nSENSE", "a\r\nb"], ["NONSENSE", "", ""], [""], ["HGET\n"],
]
for one in KEYS:
    EQUAL += [["TYPE", one], ["TTL", one], ["PTTL", one], ["EXISTS", one], ["GET", one], ["STRLEN", one], ["HGET", one, "bytesSent"], ["HGET", one, "none"], ["HGET", one, ""],
              ["HMGET", one, "bytesSent", "none", "bytesSent"], ["HGETALL", one], ["HKEYS", one], ["HLEN", one], ["HEXISTS", one, "bytesSent"],
              ["HEXISTS", one, "none"], ["HSCAN", one, "0"], ["HSCAN", one, "0", "MATCH", "bytes*", "COUNT", "1"], ["HSCAN", one, "x"], ["HSCAN", one, "0", "MATCH"],
              ["HSCAN", one, "0", "COUNT", "0"], ["HSCAN", one, "0", "COUNT", "x"], ["HSCAN", one, "0", "NONSENSE", "1"],
              ["ZSCORE", one, "10.0.0.2"], ["ZSCORE", one, "none"], ["ZCARD", one], ["SMEMBERS", one],
              ["ZRANGE", one, "0", "-1", "REV"], ["ZRANGE", one, "0", "-1", "REV", "WITHSCORES"], ["ZRANGE", one, "0", "1", "NONSENSE"]]
    EQUAL += [[name, one, *span, *more] for name in ("ZRANGE", "ZREVRANGE") for more in ([], ["WITHSCORES"], ["withscores"])
              for span in (["0", "-1"], ["1", "2"], ["-2", "-1"], ["5", "1"], ["100", "200"], ["-100", "100"], ["0", "9223372036854775807"],
                           ["-9223372036854775808", "9223372036854775807"], ["a", "1"], ["0", "1.5"], ["0", "9223372036854775808"])]

# Arrays whose order says nothing.
SAME_MEMBERS = [["KEYS", "*"], ["KEYS", "ip.*"], ["KEYS", "*.peers"], ["KEYS", "ip.10.0.0.[1-3]"], ["KEYS", "ip.10.0.0.?"], ["KEYS", "[^i]*"], ["KEYS", "flow.*"],
                ["KEYS", "port.udp.*9*"], ["SCAN", "0", "COUNT", "100000"], ["SCAN", "0", "MATCH", "ip.*", "COUNT", "100000"],
                ["SCAN", "0", "COUNT", "100000", "TYPE", "zset"], ["SCAN", "0", "COUNT", "100000", "TYPE", "hash", "MATCH", "*.10.*"]]

# What is a server's own: the same type.
SAME_TYPE = [["INFO"], ["INFO", "server"], ["COMMAND"], ["COMMAND", "COUNT"], ["COMMAND", "INFO", "get", "hgetall"], ["COMMAND", "LIST"],
             ["CLIENT", "ID"], ["MEMORY", "USAGE", HASH], ["MEMORY", "USAGE", SET], ["memory", "usage", TEXT], ["MEMORY", "USAGE", HASH, "SAMPLES", "0"],
             ["HELLO"], ["HELLO", "2"], ["HELLO", "3"], ["HELLO", "3", "SETNAME", "me"], ["HELLO", "2", "AUTH", "default", "any"], ["HELLO", "3", "AUTH", "default", "any"],
             ["CLIENT", "INFO"], ["CLIENT", "HELP"], ["MEMORY", "HELP"], ["COMMAND", "HELP"], ["command", "help"]]

# In the state that the ones before have left.
CONVERSATIONS = [
    [["SUBSCRIBE", "event.x"], ["SUBSCRIBE", "event.x", "event.y"], ["PSUBSCRIBE", "event.*"], ["PING"], ["PING", "a"], ["UNSUBSCRIBE", "event.none"],
     ["UNSUBSCRIBE", "event.x"], ["PUNSUBSCRIBE"], ["UNSUBSCRIBE"], ["UNSUBSCRIBE"], ["PUNSUBSCRIBE"], ["PING"], ["GET", TEXT]],
    [["PSUBSCRIBE", "event.*"], ["GET", TEXT], ["nonsense"], ["ECHO", "a"], ["RESET"], ["GET", TEXT], ["CLIENT", "GETNAME"]],
    [["CLIENT", "SETNAME", "me"], ["SUBSCRIBE", "event.x"], ["CLIENT", "GETNAME"], ["HGET", HASH, "bytesSent"], ["QUIT"]],
]


class Typed:
    """Replies as they are on the wire: (kind, value)."""

    def __init__(self, port, resp3):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.file = self.socket.makefile("rb")
        if resp3:
            self.ask(["HELLO", "3"])

    def ask(self, words, replies=1):
        words = [word.encode() for word in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
        said = [self.reply() for _ in range(replies)]
        return said[0] if replies == 1 else said

    def reply(self):
        line = self.file.readline()
        kind, text = line[:1].decode(), line[1:-2]
        if kind in "$=":
            return (kind, None if text == b"-1" else self.file.read(int(text) + 2)[:-2])
        if kind in "*~>":
            return (kind, None if text == b"-1" else [self.reply() for _ in range(int(text))])
        if kind == "%":
            return (kind, [(self.reply(), self.reply()) for _ in range(int(text))])
        return (kind, text)

    def close(self):
        self.file.close()
        self.socket.close()


def shape(reply, deep=True):
    """Its type, and of arrays those of what is in them."""
    kind, value = reply
    if kind in "*~>" and value and deep:
        return (kind, {shape(one, False) for one in value})
    if kind == "%":
        return (kind, {(name[0], of[0]) for name, of in value})
    return (kind, value is None)


def members(reply):
    kind, value = reply
    return (kind, sorted(members(one) for one in value)) if kind in "*~" else reply


class BesideRedis(ProbeTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.feed = Feed()
        cls.addClassCleanup(cls.feed.end)
        cls.feed.give(traffic(300, 11))
        cls.feed.settle()
        cls.node = Node()
        cls.addClassCleanup(cls.node.close)
        face, node = cls.feed.client, cls.node.client()
        for key in face("KEYS", "*"):
            kind = face("TYPE", key)
            if kind == "hash":
                node("HSET", key, *face("HGETALL", key))
            elif kind == "zset":
                node("ZADD", key, *(word for pair in zip(*[iter(face("ZRANGE", key, 0, -1, "WITHSCORES"))] * 2) for word in reversed(pair)))
            else:
                node("SET", key, face("GET", key))
        node.close()

    def beside(self, resp3):
        pair = [Typed(port, resp3) for port in (self.feed.port, self.node.port)]
        for one in pair:
            self.addCleanup(one.close)
        return pair

    def check(self, table, of=lambda reply: reply):
        for resp3 in (False, True):
            face, node = self.beside(resp3)
            for words in table:
                with self.subTest(words=words, resp3=resp3):
                    self.assertEqual(of(face.ask(words)), of(node.ask(words)))
                if words[0] == "HELLO":
                    face, node = self.beside(resp3)

    def test_replies_are_equal(self):
        self.check(EQUAL)

    def test_arrays_have_the_same_members(self):
        self.check(SAME_MEMBERS, members)

    def test_what_is_the_servers_own_has_the_same_type(self):
        self.check(SAME_TYPE, shape)

    def test_client_info_has_the_fields_of_redis(self):
        for resp3 in (False, True):
            face, node = self.beside(resp3)
            told = []
            for one in (face, node):
                one.ask(["CLIENT", "SETNAME", "me"])
                line = one.ask(["CLIENT", "INFO"])[1].decode()
                told.append(dict(word.split("=", 1) for word in line.removeprefix("txt:").split()))
                self.assertTrue(line.endswith("\n"))
            self.assertEqual(list(told[0]), list(told[1]))
            for field in ("name", "db", "sub", "psub", "ssub", "multi", "flags", "cmd", "user", "redir", "resp"):
                self.assertEqual(told[0][field], told[1][field], field)
            self.assertEqual(told[0]["addr"], "%s:%d" % face.socket.getsockname())
            self.assertEqual(told[0]["laddr"], "%s:%d" % face.socket.getpeername())
            self.assertGreater(int(told[0]["tot-mem"]), 0)
        import redis  # pylint: disable=import-outside-toplevel
        with redis.Redis(port=self.feed.port) as client:
            self.assertEqual(client.client_info()["laddr"], f"127.0.0.1:{self.feed.port}")

    def test_statistics(self):
        import redis  # pylint: disable=import-outside-toplevel
        with redis.Redis(port=self.feed.port) as client:
            found = client.info()
            with open(f"/proc/{self.feed.probe.pid}/statm", encoding="ascii") as file:
                resident = int(file.read().split()[1]) * resource.getpagesize()
            self.assertLess(abs(found["used_memory"] - resident), resident / 4)
            self.assertEqual(found["used_memory"], found["used_memory_rss"])
            self.assertGreater(found["mem_clients_normal"], 0)
            self.assertLess(found["mem_clients_normal"], resident)
            self.assertEqual((found["blocked_clients"], found["maxclients"], found["cluster_enabled"]), (0, 1000, 0))
            self.assertGreaterEqual(found["connected_clients"], 1)
            self.assertEqual(list(client.info("cluster")), ["cluster_enabled"])
            self.assertNotIn("db0", found)  # DBSIZE tells, which walks
            self.assertGreater(client.dbsize(), 0)
        with subprocess.Popen(["redis-cli", "-p", str(self.feed.port), "-i", "0.2", "--stat"], stdout=subprocess.PIPE, text=True) as process:
            lines = [process.stdout.readline() for _ in range(4)]
            process.terminate()
        for line in lines[2:]:
            self.assertRegex(line, r"^0 +\d+(\.\d+)?[MG] +\d+ +0 +\d+ \(\+\d+\) +\d+ +$")

    def test_conversations(self):
        for resp3 in (False, True):
            for conversation in CONVERSATIONS:
                face, node = self.beside(resp3)
                for words in conversation:
                    # Of several channels each is confirmed by itself.
                    replies = max(1, len(words) - 1) if "SUBSCRIBE" in words[0] else 1
                    with self.subTest(words=words, resp3=resp3):
                        self.assertEqual(face.ask(words, replies), node.ask(words, replies))

    def test_inline(self):
        for resp3 in (False, True):
            face, node = self.beside(resp3)
            for line in (b"PING\r\n", b"\r\nGET meta.schema\n", b"hget  ip.10.0.0.1   \"bytesSent\"\r\n", b"ECHO 'it\\'s'\r\n", b'ECHO "\\x41\\n\\"b"\r\n', b"nonsense a\r\n",
                         b"  \r\nECHO ''\r\n"):
                with self.subTest(line=line, resp3=resp3):
                    for one in (face, node):
                        one.socket.sendall(line)
                    self.assertEqual(face.reply(), node.reply())

    def test_what_is_no_command_of_the_face_is_unknown(self):
        """In the words that Redis has for commands that it does not know."""
        face, node = self.beside(False)
        for words in (["MONITOR"], ["SET", "a", "b"], ["HSET", HASH, "bytesSent", "1"], ["DEL", HASH], ["EVAL", "return 1", "0"], ["CONFIG", "GET", "*"],
                      ["FLUSHALL"], ["SHUTDOWN"], ["DEBUG", "SLEEP", "1"], ["PUBLISH", "event.x", "y"], ["MULTI"], ["EXPIRE", HASH, "1"], ["RENAME", HASH, "x"]):
            kind, text = face.ask(words)
            unknown = node.ask(["NON" + words[0], *words[1:]])
            self.assertEqual((kind, text), (unknown[0], unknown[1].replace(b"NON", b"", 1)))


if __name__ == "__main__":
    unittest.main()
