#include <vector>

#include "app/command.h"
#include "flow/flow_record.h"
#include "protocols/protocols.h"

namespace microcloud {

RecordTypes record_types() {
  static const std::vector<const RecordType*> kTypes = [] {
    std::vector<const RecordType*> types{&kFlowRecordType};
    for (const Protocol* protocol : protocols()) {
      types.insert(types.end(), protocol->records.begin(), protocol->records.end());
    }
    return types;
  }();
  return kTypes;
}

}  // namespace microcloud
