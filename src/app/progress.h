// A progress bar on standard error while a file is read.
#pragma once

#include "probe/output.h"
#include "probe/probe.h"

namespace microcloud {

class Progress final : public Output {
 public:
  void watch(const Probe& probe) { probe_ = &probe; }
  void put(const RecordRef&) override {}
  void flush() override;
  void finish() override;

 private:
  const Probe* probe_ = nullptr;
  bool drawn_ = false;
};

}  // namespace microcloud
