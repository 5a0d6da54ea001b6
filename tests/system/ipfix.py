"""Reads IPFIX (RFC 7011) as a collector does, and holds what it reads against the rules: sequence numbers, templates
before what they describe. Written from the RFC alone, so that it shares no mistake with the exporter."""
import struct

HEADER = struct.Struct("!HHIII")
REVERSE = 29305
OCTETS, PACKETS = 1, 2


class Session:
    """One transport session: messages go in, sums come out. AssertionError where a rule is broken."""

    def __init__(self):
        self.templates = {}  # id: (options?, [(pen, id, length)])
        self.messages = 0
        self.sequence = 0
        self.records = 0  # of data, without options
        self.options = []  # {element id: value} each
        self.packets = self.octets = 0
        self.template_records = 0

    def stream(self, data):
        """Reads all whole messages of a stream; returns how many octets they took."""
        at = 0
        while len(data) - at >= HEADER.size:
            size = HEADER.unpack_from(data, at)[1]
            if len(data) - at < size:
                break
            self.message(data[at:at + size])
            at += size
        return at

    def message(self, data):
        version, size, _, sequence, _ = HEADER.unpack_from(data)
        assert (version, size) == (10, len(data)), f"header says version {version}, {size} octets of {len(data)}"
        assert sequence == self.sequence, f"message {self.messages}: sequence {sequence}, {self.sequence} data records came before"
        self.messages += 1
        at = HEADER.size
        while at < len(data):
            kind, size = struct.unpack_from("!HH", data, at)
            assert size >= 4 and at + size <= len(data), f"set of {size} octets"
            self.set(kind, data[at + 4:at + size])
            at += size

    def set(self, kind, data):
        if kind in (2, 3):
            self.define(kind == 3, data)
            return
        assert kind in self.templates, f"data of template {kind} before the template"
        options, fields = self.templates[kind]
        shortest = sum(1 if length == 0xffff else length for _, _, length in fields)
        at = 0
        while len(data) - at >= shortest:
            at, values = self.record(fields, data, at)
            self.sequence = (self.sequence + 1) % 2**32
            if options:
                self.options.append(values)
                continue
            self.records += 1
            for pen in (0, REVERSE):
                self.packets += int.from_bytes(values.get((pen, PACKETS), b""), "big")
                self.octets += int.from_bytes(values.get((pen, OCTETS), b""), "big")

    def record(self, fields, data, at):
        values = {}
        for pen, number, length in fields:
            if length == 0xffff:
                length = data[at]
                at += 1
                if length == 255:
                    length = int.from_bytes(data[at:at + 2], "big")
                    at += 2
            values[(pen, number)] = data[at:at + length]
            at += length
            assert at <= len(data), "a record is longer than its set"
        return at, values

    def define(self, options, data):
        at = 0
        while len(data) - at >= 4:
            number, count = struct.unpack_from("!HH", data, at)
            at += 6 if options else 4
            assert number >= 256 and count > 0, f"template {number} of {count} fields"
            fields = []
            for _ in range(count):
                element, length = struct.unpack_from("!HH", data, at)
                at += 4
                pen = 0
                if element & 0x8000:
                    pen = struct.unpack_from("!I", data, at)[0]
                    at += 4
                fields.append((pen, element & 0x7fff, length))
            assert number not in self.templates, f"template {number} is told twice in one session"
            self.templates[number] = (options, fields)
            self.template_records += 1
