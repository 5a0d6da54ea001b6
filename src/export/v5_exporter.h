// NetFlow v5: fixed records of one-way IPv4 flows.
#pragma once

#include "export/exporter.h"

namespace microcloud {

class V5Exporter final : public Exporter {
 public:
  V5Exporter(const ExportSettings& settings, Link& link);
  void put(const RecordRef& record) override;
  void flush(SteadyTime now) override;
  void finish() override;
  void begin_session() override {}

 private:
  /// What a v5 record holds; the direction is the reader's choice.
  struct OneWay {
    Ipv4 source, destination;
    uint16_t source_port = 0, destination_port = 0;
    uint8_t protocol = 0, tcp_flags = 0, tos = 0;
    uint16_t input = 0, output = 0;
    uint64_t packets = 0, octets = 0;
    int64_t start_ms = 0, end_ms = 0;
  };

  bool begin(const RecordType& type);
  void put_one_way(const OneWay& flow, const Told& told);
  void put_piece(const OneWay& flow, uint32_t packets, uint32_t octets, const Told& told);
  void close_message();
  void release();

  Link& link_;
  const RecordType* type_ = nullptr;
  std::optional<FlowNumbers> view_;
  std::array<std::optional<Column>, 9> rows_;
  MessageBatch batch_;
  size_t message_at_ = 0;
  MessageInfo open_;
};

}  // namespace microcloud
