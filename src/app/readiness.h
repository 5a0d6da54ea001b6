// /readyz: is the program ready for its job, and what is not?
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace microcloud {

/// Filled before the program runs; any thread may ask then.
class Readiness {
 public:
  /// `why_not` gives one sentence while `name` is not ready, else an empty text. Called on the asking thread.
  void add(std::string name, std::function<std::string()> why_not);

  /// {"ready":false,"checks":[{"name":"capture on eth0","ready":false,"reason":"..."}]}
  struct State {
    bool ready = true;
    std::string json;
  };
  State state() const;

 private:
  std::vector<std::pair<std::string, std::function<std::string()>>> checks_;
};

}  // namespace microcloud
