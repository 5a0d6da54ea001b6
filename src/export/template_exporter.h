// NetFlow v9 (RFC 3954) and IPFIX (RFC 7011): messages of records by templates.
#pragma once

#include <array>
#include <deque>
#include <unordered_map>

#include "export/exporter.h"
#include "export/record_copier.h"
#include "export/record_image.h"
#include "export/record_plan.h"

namespace microcloud {

/// Records of one layout go into messages of their own: messages of fixed records are then of one size, and many of
/// them leave by one call. Templates go out when their first record comes, at each session's begin, and (UDP) from time
/// to time.
class TemplateExporter final : public Exporter {
 public:
  TemplateExporter(const ExportSettings& settings, Link& link);
  void put(const RecordRef& record) override;
  void flush(SteadyTime now) override;
  void finish() override;
  void begin_session() override;

 private:
  struct Layout {
    ColumnSet columns;
    uint16_t id = 0;
    std::string definition;  // its template record
    MessageBatch batch;
    size_t message_at = 0;  // where the open message begins,
    size_t end = 0;         // and where it ends so far: the batch holds more
    MessageInfo open;       // size 0: none
  };
  /// How records of one key are copied, and whereto.
  struct Route {
    RecordCopier::Steps steps;
    Layout* layout;
  };
  struct KeyHash {
    size_t operator()(const RecordCopier::Key& key) const { return key.hash(); }
  };
  using Routes = std::unordered_map<RecordCopier::Key, Route, KeyHash>;
  struct Kind {  // of records
    Kind(const RecordType& type, const Template& columns, const Numbering& numbering);
    RecordPlan plan;
    RecordImage image;
    RecordCopier copier;
    RecordImage::Number packets, octets, reverse_packets, reverse_octets, start, end;
    std::deque<Layout> layouts;
    Routes routes;
    std::array<const Routes::value_type*, 64> recent{};  // by the key's hash
  };

  Kind& kind(const RecordType& type);
  void put(Kind& kind, const RecordRef& record, Derived& derived, Direction direction, const Told& told);
  bool put_quickly(Kind& kind, const RecordRef& record, const Derived& derived, Direction direction, const Told& told);
  void put_slowly(Kind& kind, const RecordRef& record, const Derived& derived, Direction direction, const Told& told);
  const Routes::value_type& learn(Kind& kind, const RecordCopier::Key& key, const RecordRef& record,
                                  const Derived& derived, Direction direction);
  Layout& layout(Kind& kind, const ColumnSet& columns);
  std::string define(const Kind& kind, const ColumnSet& columns, uint16_t id) const;
  char* room(Layout& layout, size_t size, const Told& told);
  void open_message(Layout& layout);
  void close_message(Layout& layout);
  void release(Layout& layout);
  void send_everything();
  void send_templates();
  /// `define`: as one who knows nothing of them is told.
  void send_options(bool define, bool with_types);
  size_t longest_record() const { return most_ - header_size(protocol_) - 4; }

  ExportSettings settings_;
  ExportProtocol protocol_;
  Link& link_;
  size_t most_;  // octets of a message
  size_t room_;  // octets that a batch may take
  std::deque<Kind> kinds_;
  Kind* last_kind_ = nullptr;
  uint16_t next_id_;
  uint32_t layouts_ = 0;
  std::vector<char> scratch_;
  SteadyTime refreshed_;
  bool in_session_ = false;
};

}  // namespace microcloud
