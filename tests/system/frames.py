"""Frames and capture files for the system tests, written here byte by byte: no code of the program has a part in them."""
import ipaddress
import struct

ETHERNET, RAW_IP, USB = 1, 101, 189
FIN, SYN, RST, ACK = 1, 2, 4, 16
START = 1_700_000_000.0  # seconds; any time will do


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(source, destination, protocol, payload, identification=0, fragment=0):
    """`fragment`: the flags and offset field as it stands in the header."""
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), identification, fragment, 64, protocol, 0,
                         ipaddress.ip_address(source).packed, ipaddress.ip_address(destination).packed)
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def ethernet(packet, ether_type=0x0800):
    return bytes.fromhex("020000000002020000000001") + struct.pack("!H", ether_type) + packet


def _with_checksum(source, destination, protocol, segment, at):
    pseudo = (ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed +
              struct.pack("!BBH", 0, protocol, len(segment)))
    return segment[:at] + struct.pack("!H", checksum(pseudo + segment)) + segment[at + 2:]


def udp(source, sport, destination, dport, payload=b""):
    segment = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    return ethernet(ipv4(source, destination, 17, _with_checksum(source, destination, 17, segment, 6)))


def tcp(source, sport, destination, dport, flags, seq=0, ack=0, payload=b"", options=b""):
    """`options`: of whole words."""
    segment = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 0x50 + len(options) // 4 * 0x10, flags, 65535, 0, 0) + options + payload
    return ethernet(ipv4(source, destination, 6, _with_checksum(source, destination, 6, segment, 16)))


def dns_a(identifier, name, address):
    """Query and response for an address."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"
    question = labels + struct.pack("!HH", 1, 1)
    answer = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + ipaddress.ip_address(address).packed
    return (struct.pack("!HHHHHH", identifier, 0x0100, 1, 0, 0, 0) + question,
            struct.pack("!HHHHHH", identifier, 0x8180, 1, 1, 0, 0) + question + answer)


def icmp(kind, code, identifier):
    message = struct.pack("!BBHHH", kind, code, 0, identifier, 1)
    return message[:2] + struct.pack("!H", checksum(message)) + message[4:]


def pcap(frames, link_type=ETHERNET, order="<", nanoseconds=False):
    """A classic capture file of (seconds after START, frame) pairs."""
    out = [struct.pack(order + "IHHiIII", 0xA1B23C4D if nanoseconds else 0xA1B2C3D4, 2, 4, 0, 0, 262144, link_type)]
    for seconds, frame in frames:
        micros = round((START + seconds) * 1_000_000)
        fraction = micros % 1_000_000 * (1000 if nanoseconds else 1)
        out.append(struct.pack(order + "IIII", micros // 1_000_000 % 2**32, fraction, len(frame), len(frame)) + frame)
    return b"".join(out)


def pcapng(frames, link_type=ETHERNET):
    """The same as pcapng: section header, interface (microseconds), enhanced packets."""
    def block(kind, body):
        size = 12 + len(body)
        return struct.pack("<II", kind, size) + body + struct.pack("<I", size)
    out = [block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)), block(1, struct.pack("<HHI", link_type, 0, 0))]
    for seconds, frame in frames:
        micros = round((START + seconds) * 1_000_000)
        padded = frame + b"\0" * (-len(frame) % 4)
        out.append(block(6, struct.pack("<IIIII", 0, micros >> 32, micros & 0xFFFFFFFF, len(frame), len(frame)) + padded))
    return b"".join(out)


def read_pcap(path):
    """(link type, [(seconds, frame)]) of a classic capture file."""
    with open(path, "rb") as file:
        data = file.read()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    link_type = struct.unpack_from(order + "I", data, 20)[0]
    fraction = 1e9 if 0x4D in data[:4] else 1e6
    frames, at = [], 24
    while at < len(data):
        seconds, parts, captured, _ = struct.unpack_from(order + "IIII", data, at)
        frames.append((seconds + parts / fraction, data[at + 16:at + 16 + captured]))
        at += 16 + captured
    return link_type, frames
