// Is what a TCP flow begins with SMTP?
#pragma once

#include "inspect/parser.h"

namespace microcloud {

/// `at_its_port`: one of the flow's ends has a port of SMTP.
Verdict look_for_smtp(const Segment& segment, bool at_its_port);

}  // namespace microcloud
