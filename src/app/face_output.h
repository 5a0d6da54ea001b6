// The probe's Redis face as the command line gives it: --listen and what belongs to it.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>

#include "app/cloud_output.h"
#include "app/command_line.h"
#include "app/service.h"
#include "query/face.h"
#include "query/face_users.h"

namespace microcloud {

struct FaceOptions {
  std::string listen;  // empty: the usual address on live capture, else nowhere; none: nowhere
  std::string auth_file;
  std::string certificate_file;
  std::string key_file;
  std::string name;  // for others; empty: as the address says

  bool serves(bool live) const { return listen != "none" && (live || !listen.empty()); }
};

void declare_face(CLI::App& app, FaceOptions& options);
/// Throws UsageError.
void check_face(const FaceOptions& options);

/// Made before the probe, as an output of it; serves from open() on.
class FaceOutput final : public Output {
 public:
  explicit FaceOutput(const FaceOptions& options) : options_(options) {}

  /// Binds; on the usual address as far as that can be. Throws std::runtime_error.
  void open(Probe& probe, LiveView view);
  void start();
  void stop();
  /// Any thread, once open: where others reach it, HOST:PORT or rediss://HOST:PORT; empty: it is not served.
  const std::string& address() const { return address_; }

  void put(const RecordRef& record) override {
    if (face_) face_->put(record);
  }
  void tell_metrics(const Probe& probe, MetricsPage& page) const;
  /// Once open: at SIGHUP what the files hold now is heeded (of one that is wrong the old state stays), and each second
  /// it is told who was turned away.
  void served_by(Service& service);

 private:
  void add_users(FaceSettings& settings);
  void reload_users();
  void reload_certificate();

  struct Refusal {
    const char* reason;  // of the metric
    const char* words;   // for a person
    uint64_t count;
  };
  static constexpr size_t kRefusals = 8;
  std::array<Refusal, kRefusals> refusals() const;
  /// A line for each reason when it is first there, and an hour later at the earliest for what came since then.
  void tell_refusals(bool at_end);

  FaceOptions options_;
  std::shared_ptr<const FaceUsers> users_;  // nullptr: nobody is asked; once started, of the face's thread
  std::unique_ptr<Face> face_;
  std::string address_;

  struct Told {
    uint64_t count = 0;
    uint64_t at_s = 0;
  };
  std::mutex mutex_;  // of the two below, as the end is told on another thread
  std::array<Told, kRefusals> told_{};
  uint64_t seconds_ = 0;
};

}  // namespace microcloud
