"""What others wait for, as where a call wants its media, has a lane of its own: nothing that merges stands in its way, and it comes whole
and in its order whatever breaks."""
import random
import threading
import time

import frames
import harness
from redis_cluster import Cluster, ConnectionKiller, slot_of
from redis_node import Relay, free_port
from test_cloud import counters
from test_cloud_faults import FaultTest
from test_face import Feed
from test_other_probes import sdp, sip

CALLS = 240
AGENT, SERVER = "10.0.0.1", "10.0.0.2"


def dialogues(calls):
    """Packets of calls that begin, ring, are answered and end, one beside the other; each call's messages lie some calls apart."""
    steps = []
    for number in range(calls):
        call, ports = f"call{number}", (20_000 + number, 40_000 + number)
        there, back = (AGENT, 5060, SERVER, 5060), (SERVER, 5060, AGENT, 5060)
        told = (frames.udp(*there, sip("INVITE sip:bob@example.test SIP/2.0", call, "1 INVITE", sdp(AGENT, ports[0]))),
                frames.udp(*back, sip("SIP/2.0 180 Ringing", call, "1 INVITE")),
                frames.udp(*back, sip("SIP/2.0 200 OK", call, "1 INVITE", sdp(SERVER, ports[1]))),
                frames.udp(*there, sip("BYE sip:bob@example.test SIP/2.0", call, "2 BYE")),
                frames.udp(*back, sip("SIP/2.0 200 OK", call, "2 BYE")))
        steps += [(number + 5 * at, frame) for at, frame in enumerate(told)]
    return [(0.01 * at, frame) for at, frame in sorted(steps, key=lambda step: step[0])]


def urgent_keys(hashes):
    """Without ledgers."""
    return {key: {field: value for field, value in fields.items() if not field.startswith("_")} for key, fields in hashes.items()
            if key.startswith("voip.")}


class CallsTest(FaultTest):
    def give_calls(self, process, calls=CALLS, pause=0.004):
        """And flows' counters beside them."""
        for at, (seconds, frame) in enumerate(dialogues(calls)):
            flow = frames.udp(f"192.0.2.{at % 200}", 1000 + at % 50, "198.51.100.7", 9, b"x" * (at % 90))
            capture = frames.pcap([(seconds, frame), (seconds, flow)])
            process.stdin.write(capture if at == 0 else capture[24:])
            process.stdin.flush()
            if at == 0:
                harness.wait_until_running(process)
            time.sleep(pause)
        process.stdin.close()

    def giving_calls(self, process):
        feed = threading.Thread(target=self.give_calls, args=(process,))
        feed.start()
        self.addCleanup(feed.join)
        return feed

    def assert_all_came(self, hashes, name, calls=CALLS):
        """Against a node that nothing happened to."""
        calm = self.node()
        process = self.start_fed(calm.port, name=name)
        self.give_calls(process, calls, 0)
        self.end(process)
        calm_hashes = calm.contents()[0]
        truth = urgent_keys(calm_hashes)
        self.assertEqual(len(truth), 3 * calls)
        self.assertEqual({fields["state"] for key, fields in truth.items() if key.startswith("voip.call.")}, {"completed"})
        self.assertEqual(urgent_keys(hashes), truth)
        self.assertEqual(counters(hashes), counters(calm_hashes))
        self.assertEqual(hashes[f"probe.{name}"]["cloudLost"], "0")


class OneNode(CallsTest):
    def test_what_merges_is_not_in_the_way(self):
        """Nor is it taken along: a flush of 20 s, and then a node that takes no counters."""
        node = self.node()
        client = node.client()
        self.addCleanup(client.close)
        feed = Feed("--cloud", f"redis://127.0.0.1:{node.port}", "--cloud-flush", "20000", "-t", "1", inspects=True)
        self.addCleanup(lambda: feed.probe.poll() is None and (feed.probe.kill(), feed.probe.communicate()))
        harness.wait_for(lambda: client("EXISTS", "probe.p"))
        client("ACL", "SETUSER", "default", "-hincrby", "-zincrby")
        packets = dialogues(20)
        took = []
        for at, (seconds, frame) in enumerate(packets):
            feed.give([(seconds, frame)])
            if b"INVITE sip:bob" not in frame:
                continue
            call = frame.split(b"Call-ID: ")[1].split(b"\r\n")[0].decode()
            began = time.monotonic()
            harness.wait_for(lambda: client("EXISTS", f"voip.call.{call}"))
            took.append(time.monotonic() - began)
        took.sort()
        print(f"{1000 * took[len(took) // 2]:.1f} ms from the packet to voip.call (median), {1000 * took[-1]:.1f} ms at most")
        self.assertLess(took[len(took) // 2], 0.5)
        self.assertEqual(client("KEYS", "ip.*"), [], "the other lane waits")
        life = feed.client("HGET", "probe.p", "incarnation")
        self.assertGreater(int(client("GET", f"mc.led.p.{life}.1")), 0)
        self.assertIn(client("GET", f"mc.led.p.{life}.0"), (None, "0"))
        client("ACL", "SETUSER", "default", "+@all")
        self.assertEqual(feed.end()[0], 0)
        hashes, _, _ = node.contents()
        self.assertEqual(sum(int(fields["packetsSent"]) for key, fields in hashes.items() if key.startswith("ip.")), len(packets))
        self.assertEqual(hashes["probe.p"]["urgentBatch"], client("GET", f"mc.led.p.{life}.1"))

    def test_a_face_tells_what_the_node_has_not(self):
        port = free_port()
        feed = Feed("--cloud", f"redis://127.0.0.1:{port}", "--drain", "1", inspects=True)
        self.addCleanup(lambda: feed.probe.poll() is None and (feed.probe.kill(), feed.probe.communicate()))
        feed.give(dialogues(1)[:1])
        feed.settle()
        self.assertEqual(feed.client("HGET", "voip.call.call0", "state"), "calling")
        self.assertEqual(set(feed.client("KEYS", "voip.*")), {"voip.call.call0", f"voip.endpoint.{AGENT}:20000"})
        feed.end()

    def test_connections_cut_at_any_byte_and_bytes_that_arrive_late(self):
        cuts = late = 0
        for seed in (1, 2):
            with self.subTest(seed=seed):
                node = self.node()
                relay = Relay(node.port, seed, longest=20_000, connections=40)
                self.addCleanup(relay.close)
                name = f"records{seed}"
                process = self.start_fed(relay.port, name=name)
                self.give_calls(process)
                self.end(process)
                self.assert_all_came(node.contents()[0], name)
                cuts, late = cuts + relay.cuts, late + relay.late
        self.assertGreater(cuts, 10)
        self.assertGreater(late, 2)

    def test_node_killed_and_the_tail_of_its_log_lost(self):
        node = self.node("--appendonly", "yes")
        process = self.start_fed(node.port)
        chance = random.Random(3)
        feed = self.giving_calls(process)
        for _ in range(2):
            node.wait_until_written()
            time.sleep(1)
            node.kill()
            node.lose_tail(chance)
            node.fix_and_start()
        feed.join()
        self.end(process)
        self.assert_all_came(node.contents()[0], "records")


class OnCluster(CallsTest):
    def test_what_merges_is_not_in_the_way(self):
        cluster = Cluster(3)
        self.addCleanup(cluster.close)
        for node in cluster.nodes:
            node("ACL", "SETUSER", "default", "-hincrby", "-zincrby")
        process = self.start_fed(cluster.url)
        self.give_calls(process, 30)
        owners = cluster.slots()
        key = "voip.call.call29"
        harness.wait_for(lambda: owners[slot_of(key)]("HGET", key, "state") == "completed")
        self.assertEqual([name for node in cluster.nodes for name in node("KEYS", "ip.*")], [])
        for node in cluster.nodes:
            node("ACL", "SETUSER", "default", "+@all")
        self.end(process)
        hashes, _, _ = cluster.contents()
        self.assertGreater(cluster.ledgers[key]["_u.records"], 1e15)
        self.assertGreater(int(hashes["probe.records"]["urgentBatch"]), 1e15)
        self.assert_all_came(hashes, "records", 30)

    def test_connections_killed_while_slots_move(self):
        cluster = Cluster(3)
        self.addCleanup(cluster.close)
        process = self.start_fed(cluster.url)
        killer = ConnectionKiller(cluster, random.Random(5))
        feed = self.giving_calls(process)
        source, target = cluster.masters()[:2]
        owners = cluster.slots()
        slots = {slot_of(f"voip.call.call{number}") for number in range(0, CALLS, 4)}
        moved = [slot for slot in slots if owners[slot] is source]
        for slot in moved:
            cluster.move(slot, source, target, 0.01)
        feed.join()
        self.assertGreater(killer.stop(), 5)
        self.assertGreater(len(moved), 10)
        self.end(process)
        self.assert_all_came(cluster.contents()[0], "records")
