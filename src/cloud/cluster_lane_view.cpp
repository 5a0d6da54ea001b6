// What can be seen of a lane: what is on its way, and where it stands with the servers.
#include "cloud/cluster_lane.h"

namespace microcloud {

std::vector<const KeyUnit*> ClusterLane::open_of(std::string_view key) const {
  std::vector<const KeyUnit*> found;
  const SlotState& slot = slots_[resp::slot_of(key)];
  if (slot.unacknowledged == 0) return found;
  for (const UnitPointer& unit : slot.kept) {
    if (unit->key == key && unit->fate != KeyUnit::Fate::Acknowledged) found.push_back(unit.get());
  }
  return found;
}

void ClusterLane::each_open(const std::function<void(const KeyUnit&)>& look) const {
  for (const SlotState& slot : slots_) {
    if (slot.unacknowledged == 0) continue;
    for (const UnitPointer& unit : slot.kept) {
      if (unit->fate != KeyUnit::Fate::Acknowledged) look(*unit);
    }
  }
}

uint64_t ClusterLane::stands_at(std::string_view key) const {
  const auto owner = nodes_.find(slots_[resp::slot_of(key)].owner);
  if (!begun() || owner == nodes_.end() || owner->second.state != Node::State::Ready) return 0;
  const std::vector<const KeyUnit*> open = open_of(key);
  return open.empty() ? *last_number_ : open.front()->number - 1;
}

uint64_t ClusterLane::acknowledged_of(std::string_view key) const {
  uint64_t last = 0;
  for (const UnitPointer& unit : slots_[resp::slot_of(key)].kept) {
    if (unit->fate == KeyUnit::Fate::Acknowledged && unit->key == key) last = std::max(last, unit->number);
  }
  return last;
}

uint64_t ClusterLane::stands_at() const {
  size_t known = 0;
  for (const auto& [id, node] : nodes_) known += node.state == Node::State::Ready ? node.slots : 0;
  return begun() && known == resp::kSlots ? *last_number_ : 0;
}

}  // namespace microcloud
