"""What parsers are given, end to end: fragments in any order, TCP divided anywhere, what is switched off."""
import itertools
import struct

import frames
import harness
from harness import ProbeTest, run_probe, scratch_file

CLIENT, SERVER = ("10.1.0.9", 40000), ("10.1.0.1", 53)
NAME = "fragments.example"


def question(identifier=7):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in NAME.split("."))
    return struct.pack("!HHHHHH", identifier, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", 16, 1)


def answer(identifier=7):
    """A TXT of 200 octets, so that there is something to divide."""
    text = bytes([200]) + b"x" * 200
    head = struct.pack("!HHHHHH", identifier, 0x8180, 1, 1, 0, 0)
    return head + question()[12:] + b"\xc0\x0c" + struct.pack("!HHIH", 16, 1, 60, len(text)) + text


def fragments(frame, size):
    """The IP packet of an Ethernet frame in pieces of `size` octets."""
    packet = frame[14:]
    source, destination = (".".join(map(str, packet[at:at + 4])) for at in (12, 16))
    payload = packet[20:]
    pieces = []
    for at in range(0, len(payload), size):
        flags = (0x2000 if at + size < len(payload) else 0) | at // 8
        pieces.append(frames.ethernet(frames.ipv4(source, destination, packet[9], payload[at:at + size], 99, flags)))
    return pieces


def timed(many):
    return frames.pcap([(number / 1000, frame) for number, frame in enumerate(many)])


@harness.pipeline
class Fragments(ProbeTest):
    def check(self, order, *args):
        pieces = fragments(frames.udp(*SERVER, *CLIENT, answer()), 88)
        self.assertEqual(len(pieces), 3)
        capture = timed([frames.udp(*CLIENT, *SERVER, question())] + [pieces[number] for number in order])
        with scratch_file(capture) as path:
            done = run_probe("-r", path, *args)
        self.assert_done(done)
        found = [record for record in done.records if record["record"] == "dns"]
        self.assertEqual(len(found), 1, done.records)
        self.assertEqual((found[0]["dnsState"], found[0]["dnsQueryName"], found[0]["dnsAnswers"]),
                         ("answered", NAME, ["x" * 200]))

    def test_any_order(self):
        for order in itertools.permutations(range(3)):
            with self.subTest(order=order):
                self.check(order)

    def test_between_workers(self):
        self.check((2, 1, 0), "--workers", "2")

    def test_one_missing(self):
        pieces = fragments(frames.udp(*SERVER, *CLIENT, answer()), 88)
        with scratch_file(timed([frames.udp(*CLIENT, *SERVER, question()), pieces[0], pieces[2]])) as path:
            done = run_probe("-r", path)
        self.assert_done(done)
        self.assertEqual([record["dnsState"] for record in done.records if record["record"] == "dns"], ["pending"])


class Ladder(ProbeTest):
    """What parsers did not get is in the ladder of losses, which closes (harness.check_ladder)."""

    def parser_stage(self, many):
        with scratch_file(timed(many)) as path, scratch_file(b"", ".prom") as metrics:
            self.assert_done(run_probe("-r", path, "--metrics-file", metrics))
            with open(metrics, encoding="utf-8") as file:
                came, went, dropped, held = harness.stages(harness.parse_metrics(file.read()))["parser"]
        self.assertEqual(held, 0)
        return came, went, {reason: count for reason, count in dropped.items() if count}

    def test_all_is_read(self):
        self.assertEqual(self.parser_stage([frames.udp(*CLIENT, *SERVER, question()), frames.udp(*SERVER, *CLIENT, answer())]),
                         (2, 2, {}))

    def test_a_fragment_is_missing(self):
        pieces = fragments(frames.udp(*SERVER, *CLIENT, answer()), 88)
        came, went, dropped = self.parser_stage([frames.udp(*CLIENT, *SERVER, question()), pieces[0], pieces[2]])
        self.assertEqual((came, went, dropped), (2, 1, {"timed_out": 1}))

    def test_a_hole_in_a_stream(self):
        message = struct.pack("!H", len(question())) + question()
        many = [frames.tcp(*CLIENT, *SERVER, frames.SYN, 100), frames.tcp(*SERVER, *CLIENT, frames.SYN | frames.ACK, 500, 101)]
        many += [frames.tcp(*CLIENT, *SERVER, frames.ACK, seq, 501, message) for seq in (101, 101 + 3 * len(message))]
        came, went, dropped = self.parser_stage(many)
        self.assertEqual((came, went, dropped), (3, 2, {"tcp_gap": 1}))


class Partial(ProbeTest):
    def test_what_was_missing_is_told(self):
        capture = timed([frames.udp(*CLIENT, *SERVER, question()), frames.udp(*SERVER, *CLIENT, answer()[:-50])])
        with scratch_file(capture) as path:
            done = run_probe("-r", path)
        self.assert_done(done)
        found, = [record for record in done.records if record["record"] == "dns"]
        self.assertEqual(found["partial"], ["message cut"])


@harness.pipeline
class Streams(ProbeTest):
    def test_tcp_byte_by_byte(self):
        def said(source, destination, seq, message):
            data = struct.pack("!H", len(message)) + message
            return [frames.tcp(*source, *destination, frames.ACK, seq + at, 0, data[at:at + 1]) for at in range(len(data))]

        many = [frames.tcp(*CLIENT, *SERVER, frames.SYN, 100), frames.tcp(*SERVER, *CLIENT, frames.SYN | frames.ACK, 500, 101)]
        many += said(CLIENT, SERVER, 101, question()) + said(SERVER, CLIENT, 501, answer())
        with scratch_file(timed(many)) as path:
            done = run_probe("-r", path)
        self.assert_done(done)
        found = [record for record in done.records if record["record"] == "dns"]
        self.assertEqual([(record["dnsState"], record["dnsQueryName"]) for record in found], [("answered", NAME)])


class DecodeAs(ProbeTest):
    """What bytes do not prove the user knows."""

    def setUp(self):
        odd = question()[:-2] + struct.pack("!H", 77)  # a class that there is not: only its port could tell
        self.capture = timed([frames.udp(*CLIENT, SERVER[0], 7777, odd)])

    def kinds(self, *args):
        with scratch_file(self.capture) as path:
            done = run_probe("-r", path, *args)
        self.assert_done(done)
        return sorted(record["record"] for record in done.records)

    def test_a_port_is_a_protocol(self):
        self.assertEqual(self.kinds(), ["flow"])
        self.assertEqual(self.kinds("--decode-as", "udp/7777=dns"), ["dns", "flow"])
        self.assertEqual(self.kinds("--decode-as", f"udp/{CLIENT[1]}=dns"), ["dns", "flow"], "at either end")
        self.assertEqual(self.kinds("--decode-as", "tcp/7777=dns", "--decode-as", "udp/7778=dns"), ["flow"])

    def test_the_first_that_fits_counts(self):
        self.assertEqual(self.kinds("--decode-as", "udp/7777=radius", "--decode-as", "udp/7777=dns"), ["flow"])

    def test_in_a_file(self):
        with scratch_file(b'decode-as = ["udp/7777=dns"]\n', suffix=".toml") as configuration:
            self.assertEqual(self.kinds("--config", configuration), ["dns", "flow"])

    def test_refused(self):
        for setting, named in (("7777=dns", "not of this form"), ("udp/7777", "not of this form"), ("udp/7777dns=", "no port"),
                               ("udp/0=dns", "no port"), ("udp/65536=dns", "no port"), ("sctp/1=dns", "no transport 'sctp'"),
                               ("udp/1=nothing", "there is no 'nothing'"), ("udp/1=http", "http is not spoken over udp")):
            with self.subTest(setting=setting):
                for more in ((), ("--check-config",)):
                    done = harness.run("probe", "-r", "x.pcap", "--decode-as", setting, *more)
                    self.assert_refused(done, 2, "--decode-as " + setting, named, "udp/1234=radius")
        done = harness.run("probe", "-r", "x.pcap", "--decode-as", "udp/1=dns", "--plugins", "tls")
        self.assert_refused(done, 2, "dns is not read", "--plugins")


class NamedByNdpi(ProbeTest):
    """SMTP at a port of no meaning, from the middle of a mail: no protocol recognises that, but nDPI does, some lines later."""

    def setUp(self):
        client, server = ("10.1.0.9", 40000), ("10.1.0.1", 7777)
        mail = ((1, b"MAIL FROM:<%s@example.test>\r\n"), (0, b"250 ok\r\n"), (1, b"RCPT TO:<bob@example.test>\r\n"), (0, b"250 ok\r\n"),
                (1, b"DATA\r\n"), (0, b"354 go\r\n"), (1, b"Subject: x\r\n\r\ntext\r\n.\r\n"), (0, b"250 queued\r\n"))
        many, next_octet = [], [5000, 9000]
        for from_client, text in [(1, b"the last line\r\n.\r\n"), (0, b"250 queued\r\n"),
                                  *((who, text.replace(b"%s", name)) for name in (b"ann", b"eve") for who, text in mail)]:
            ends = (*client, *server) if from_client else (*server, *client)
            many.append(frames.tcp(*ends, 0x18, next_octet[from_client], next_octet[1 - from_client], text))
            next_octet[from_client] += len(text)
        self.capture = timed(many)

    def told(self, *args):
        with scratch_file(self.capture) as path:
            done = run_probe("-r", path, *args)
        self.assert_done(done)
        return [(record.get("smtpMailFrom"), record.get("smtpReplyCode")) for record in done.records if record["record"] == "smtp"]

    def test_its_parser_gets_what_follows(self):
        self.assertEqual(self.told()[-1:], [("eve@example.test", 250)])
        self.assertEqual(self.told("--plugins", "smtp")[-1:], [("eve@example.test", 250)])

    def test_not_where_it_is_switched_off(self):
        self.assertEqual(self.told("--plugins", "http,dns"), [])
        self.assertEqual(self.told("--no-dpi", "--plugins", "smtp"), [])


class SwitchedOff(ProbeTest):
    def setUp(self):
        self.capture = timed([frames.udp(*CLIENT, *SERVER, question()), frames.udp(*SERVER, *CLIENT, answer())])

    def kinds(self, *args):
        with scratch_file(self.capture) as path:
            done = run_probe("-r", path, *args)
        self.assert_done(done)
        named = any("applicationName" in record for record in done.records)
        return sorted(record["record"] for record in done.records), named

    def test_all(self):
        self.assertEqual(self.kinds(), (["dns", "flow"], True))

    def test_no_dpi(self):
        self.assertEqual(self.kinds("--no-dpi"), (["flow"], False))

    def test_no_plugins(self):
        self.assertEqual(self.kinds("--plugins", "none"), (["flow"], True))
        self.assertEqual(self.kinds("--plugins", "tls"), (["flow"], True))

    def test_plugins_without_dpi(self):
        self.assertEqual(self.kinds("--no-dpi", "--plugins", "dns"), (["dns", "flow"], False))

    def test_unknown_plugin(self):
        done = harness.run("probe", "-r", "x.pcap", "--plugins", "dsn")
        self.assert_refused(done, 2, "--plugins", "dsn", "dns", "tls", "all", "none")
