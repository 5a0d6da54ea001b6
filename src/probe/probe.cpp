#include "probe/probe.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "base/thread_name.h"

namespace microcloud {
namespace {

constexpr size_t kRecordRingBytes = size_t{4} << 20;

}  // namespace

uint64_t ProbeTotals::ignored_in_all() const {
  return std::accumulate(std::begin(ignored), std::end(ignored), uint64_t{0});
}

Probe::Probe(ProbeSettings settings, std::vector<std::vector<Input>> inputs, std::vector<Output*> outputs)
    : settings_(std::move(settings)), outputs_(std::move(outputs)), cuts_(settings_.workers) {
  const bool separate_reader = !settings_.live && settings_.workers > 1;
  FlowSettings flows = settings_.flows;
  flows.interfaces = settings_.interfaces;
  flows.capacity = std::max(1U, flows.capacity / settings_.workers);
  flows.flow_id_step = settings_.workers;
  flows.sampled = settings_.sampling > 1;
  for (const std::vector<Input>& list : inputs) {
    for (const Input& input : list) size_ += input.source->size();
  }

  Worker::Settings worker{.index = 0,
                          .workers = settings_.workers,
                          .live = settings_.live,
                          .started_us = settings_.started_us,
                          .longest_hold_us = settings_.longest_hold_us,
                          .intake = {.every_checksum = settings_.every_checksum,
                                     .keep_fragments = !settings_.inspect.protocols.empty(),
                                     .seed = flows.seed,
                                     .sampling = settings_.sampling,
                                     .sampling_seed = settings_.sampling_seed},
                          .inspect = settings_.inspect};
  for (unsigned index = 0; index < settings_.workers; ++index) {
    worker.index = index;
    worker.intake.sampling_seed = settings_.sampling_seed + index;
    std::vector<Input> own;
    if (!separate_reader && index < inputs.size()) own = std::move(inputs[index]);
    workers_.push_back(
        std::make_unique<Worker>(worker, std::move(own), &flows, outputs_.empty() ? 0 : kRecordRingBytes));
  }
  worker.intake.sampling_seed = settings_.sampling_seed;
  if (separate_reader) workers_.push_back(std::make_unique<Worker>(worker, std::move(inputs.front()), nullptr, 0));
  if (workers_.size() == 1) return;

  // Live, packets wait in there: the more workers, the fewer for each way from one to another.
  const size_t handover_bytes = settings_.live
                                    ? std::max(Handover::kFileBytes, 2 * Handover::kLiveBytes / settings_.workers)
                                    : Handover::kFileBytes;
  std::vector<std::vector<Handover*>> inboxes(workers_.size()), outboxes(workers_.size());
  for (size_t from = 0; from < workers_.size(); ++from) {
    if (workers_[from]->inputs().empty()) continue;
    for (unsigned to = 0; to < settings_.workers; ++to) {
      Handover* handover = nullptr;
      if (to != from) {
        handover = handovers_.emplace_back(std::make_unique<Handover>(handover_bytes)).get();
        inboxes[to].push_back(handover);
      }
      outboxes[from].push_back(handover);
    }
  }
  for (size_t at = 0; at < workers_.size(); ++at)
    workers_[at]->connect(std::move(inboxes[at]), std::move(outboxes[at]));
}

Probe::~Probe() {
  stop();
  if (output_thread_.joinable()) wait();
}

std::vector<Mailbox*> Probe::open_mailboxes(const std::function<void(unsigned lane)>& answered) {
  std::vector<Mailbox*> mailboxes;
  for (unsigned index = 0; index < settings_.workers; ++index)
    mailboxes.push_back(&workers_[index]->open_mailbox(answered));
  return mailboxes;
}

void Probe::cut(uint64_t question, Cuts::Then then) {
  cuts_.open(question, std::move(then));
  wake_.signal();
}

void Probe::each_waiting(const std::function<void(const RecordRef&)>& look) const {
  if (ending_.load(std::memory_order_relaxed)) return;
  for (const Output* output : outputs_) output->each_waiting(look);
}

void Probe::start() {
  for (size_t index = 0; index < workers_.size(); ++index) {
    threads_.emplace_back([this, index] {
      name_thread(index < settings_.workers ? "mc-worker-" + std::to_string(index) : "mc-reader");
      workers_[index]->run(stop_);
    });
  }
  output_thread_ = std::thread([this] {
    name_thread("mc-records");
    serve_outputs();
  });
}

std::string Probe::wait() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  workers_done_.store(true, std::memory_order_release);
  output_thread_.join();
  for (const auto& worker : workers_) {
    for (const Input& input : worker->inputs()) {
      if (std::string error = input.source->error(); !error.empty()) return error;
    }
  }
  for (const Output* output : outputs_) {
    if (std::string error = output->error(); !error.empty()) return error;
  }
  return {};
}

void Probe::reload_applications() {
  std::vector<std::pair<Inspector*, std::unique_ptr<Ndpi>>> fresh;
  for (const auto& worker : workers_) {
    if (Inspector* inspector = worker->inspector(); inspector != nullptr)
      fresh.emplace_back(inspector, std::make_unique<Ndpi>(Ndpi::Settings{settings_.inspect.ndpi_protocols}));
  }
  for (auto& [inspector, ndpi] : fresh) inspector->offer(std::move(ndpi));
}

bool Probe::drain_records() {
  bool any = false;
  for (size_t at = 0; at < workers_.size(); ++at) any = drain_ring(at) || any;
  cuts_.look();
  return any;
}

bool Probe::drain_ring(size_t worker) {
  constexpr size_t kAtOnce = 256;
  if (worker < settings_.workers && cuts_.holds(worker)) return false;
  RecordRing& ring = workers_[worker]->records();
  const Mailbox* mailbox = workers_[worker]->mailbox();
  const bool closed = mailbox != nullptr && mailbox->closed();  // asked before the ring is found empty
  bool any = false;
  for (size_t count = 0; count < kAtOnce; ++count) {
    const auto item = ring.read();
    if (!item) {
      if (closed) cuts_.pass(worker);
      break;
    }
    any = true;
    if (item->type == nullptr) {
      if (cuts_.meet(worker, item->mark)) break;
      continue;
    }
    item->common->probe_id = settings_.probe_id;
    item->common->community_seed = settings_.flows.community_seed;
    if (settings_.sampling > 1) item->common->sampling = settings_.sampling;
    for (Output* output : outputs_) output->put({item->type, item->common, item->body});
  }
  ring.release();
  return any;
}

void Probe::serve_outputs() {
  using Clock = std::chrono::steady_clock;
  // Naps lengthen while nothing comes: short ones cost more than the records. The rings bridge the longest at 1 M
  // records/s.
  constexpr std::chrono::microseconds kShortestNap{1'000};
  constexpr std::chrono::microseconds kLongestNap{8'000};
  constexpr std::chrono::microseconds kNapInCut{30};
  constexpr auto kFlushEvery = std::chrono::milliseconds(100);
  auto flushed = Clock::now();
  std::chrono::microseconds nap = kShortestNap;
  for (;;) {
    const bool done = workers_done_.load(std::memory_order_acquire);
    const bool any = drain_records();
    bool waits = false;
    for (Output* output : outputs_) waits = output->turn() || waits;
    if (const auto now = Clock::now(); now - flushed >= kFlushEvery) {
      flushed = now;
      for (Output* output : outputs_) {
        output->flush();
        if (!output->error().empty()) stop();  // an output that cannot go on ends the run, and wait() says why
      }
    }
    if (any || waits) nap = kShortestNap;
    if (any) continue;
    if (done && !cuts_.wanted()) break;
    if (cuts_.wanted()) {  // somebody waits for the marks of all workers
      std::this_thread::sleep_for(kNapInCut);
      continue;
    }
    wake_.wait(nap);
    wake_.clear();
    nap = std::min(2 * nap, kLongestNap);
  }
  ending_.store(true, std::memory_order_relaxed);
  cuts_.end();
  for (Output* output : outputs_) output->finish();
}

/// What is ignored is counted frame by frame, and before what is read: the difference is never more than it comes to,
/// but it steps back while a burst is looked at, and a counter must not.
uint64_t Probe::decoded(const ProbeTotals& totals) const {
  const uint64_t ignored = totals.ignored_in_all() - totals.ignored[static_cast<size_t>(Ignored::LostFragment)];
  const uint64_t out = ignored + totals.not_sampled;
  const uint64_t now = totals.read > out ? totals.read - out : 0;
  uint64_t before = decoded_.load(std::memory_order_relaxed);
  while (before < now && !decoded_.compare_exchange_weak(before, now, std::memory_order_relaxed)) {
  }
  return std::max(before, now);
}

void Probe::add_parsers(ProbeTotals& totals) const {
  for (const auto& worker : workers_) {
    const Inspector* inspector = worker->inspector();
    if (inspector == nullptr) continue;
    const InspectCounters& of = inspector->counters();
    totals.pieces_read += of.read.get();
    totals.pieces_refused += of.refused.get();
    totals.pieces += of.pieces.get();
    totals.tcp_gaps += of.streams.gaps.get();
    for (size_t at = 0; at < std::size(totals.not_joined); ++at)
      totals.not_joined[at] += inspector->reassembly().lost.get(static_cast<NotJoined>(at));
  }
}

ProbeTotals Probe::totals() const {
  ProbeTotals totals;
  totals.size = size_;
  totals.stopped = stopped();
  totals.sampling = settings_.sampling;
  totals.active_s = settings_.flows.active_ms / 1000;
  totals.idle_s = settings_.flows.idle_ms / 1000;
  totals.every_checksum = settings_.every_checksum;
  for (const auto& worker : workers_) {
    totals.records_taken += worker->records().taken();
    totals.record_drops += worker->records().dropped();
    totals.records_put += worker->records().put_count();
    totals.packets_told += worker->records().packets_told();
  }
  add_parsers(totals);
  for (const auto& worker : workers_) totals.handover_drops += worker->handover_dropped().get();
  for (const auto& worker : workers_) {
    const IntakeCounters& intake = worker->intake();
    totals.read += intake.read.get_before();
    totals.read_octets += intake.read_octets.get();
    totals.not_sampled += intake.not_sampled.get();
    for (size_t at = 0; at < std::size(totals.ignored); ++at)
      totals.ignored[at] += intake.ignored.get(static_cast<Ignored>(at));
    for (size_t at = 0; at < std::size(totals.anomalies); ++at)
      totals.anomalies[at] += intake.anomalies.get(static_cast<Anomaly>(at));
    if (intake.read.get() > 0) {
      const auto first_us = static_cast<int64_t>(intake.first_us.get());
      totals.first_us = totals.first_us == 0 ? first_us : std::min(totals.first_us, first_us);
      totals.last_us = std::max(totals.last_us, static_cast<int64_t>(intake.last_us.get()));
    }
    totals.handed_over += worker->handed_over().get();
    totals.position += worker->position().get();
    if (const FlowCounters* flows = worker->flows(); flows != nullptr) {
      totals.flows += flows->created.get();
      totals.open_flows += flows->open.get();
      totals.records += flows->records.get();
      totals.evicted += flows->evicted.get();
    }
    const SourceDrops drops = worker->source_drops();
    totals.offered += drops.offered;
    totals.kernel_drops += drops.kernel;
    totals.loopback_copies += drops.loopback_copies;
    totals.filtered += drops.filtered;
  }
  totals.decoded = decoded(totals);
  return totals;
}

}  // namespace microcloud
