#include "app/command.h"
#include "flow/flow_record.h"

namespace microcloud {

RecordTypes record_types() {
  static constexpr const RecordType* kTypes[] = {&kFlowRecordType};
  return kTypes;
}

}  // namespace microcloud
